import { PassThrough } from "node:stream";
import { WriteStream } from "node:tty";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { paintFor } from "../../../automation/output";

const asked = ["FORCE_COLOR", "NO_COLOR", "CI", "TERM", "COLORTERM"];
const before = Object.fromEntries(asked.map((name) => [name, process.env[name]]));

beforeEach(() => {
  for (const name of asked) Reflect.deleteProperty(process.env, name);
  process.env["TERM"] = "xterm";
});
afterEach(() => {
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
});

const pipe = (): NodeJS.WritableStream => new PassThrough();
const terminal = (): NodeJS.WritableStream =>
  Object.assign(new PassThrough(), { isTTY: true, getColorDepth: WriteStream.prototype.getColorDepth });
const colours = (stream: NodeJS.WritableStream): boolean => {
  const text = paintFor(stream).red("lost");
  expect(stripVTControlCharacters(text)).toBe("lost");
  return text !== "lost";
};

it("colours are for a terminal", () => {
  expect(colours(terminal())).toBe(true);
  expect(colours(pipe())).toBe(false);
});

it("colours are not for the log of a CI", () => {
  process.env["CI"] = "true";
  expect(colours(pipe())).toBe(false);
});

it("colours are where FORCE_COLOR asks for them, and nowhere with NO_COLOR", () => {
  process.env["FORCE_COLOR"] = "1";
  expect(colours(pipe())).toBe(true);
  delete process.env["FORCE_COLOR"];
  process.env["NO_COLOR"] = "1";
  expect(colours(terminal())).toBe(false);
});
