import { expect, it } from "vitest";
import { identityOf, programOf } from "../../../lab/kubernetes/programs";

const programs = { service: "/service.cjs", guard: "/guard.cjs" };

it.each([
  ["example.com/team/guard@sha256:0123", "/guard.cjs"],
  ["example.com:5000/guard:1.2@sha256:0123", "/guard.cjs"],
  ["guard", "/guard.cjs"],
  ["example.com/guard/payments@sha256:0123", "/service.cjs"],
  ["example.com/bodyguard@sha256:0123", "/service.cjs"],
  [undefined, "/service.cjs"],
])("%s runs %s", (image, program) => {
  expect(programOf(image, programs)).toBe(program);
});

it("gives AWS credentials to the guard's service account alone", () => {
  const world = { aws: { host: "127.0.0.1", port: 4566 } };
  expect(identityOf("guard", world)).toMatchObject({ AWS_ENDPOINT_URL: "http://127.0.0.1:4566", AWS_ACCESS_KEY_ID: "lab" });
  expect(identityOf("service", world)).toEqual({});
  expect(identityOf(undefined, world)).toEqual({});
});
