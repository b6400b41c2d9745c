import { describe, expect, it } from "vitest";
import { byWeight, locationOf, matches, route, wildcard, type Action, type Rule } from "../../../lab/balancer/rules";

describe("a wildcard", () => {
  it.each([
    ["/payments/*", "/payments/writes/1", true],
    ["/payments/*", "/payments/", true],
    ["/payments/*", "/payments", false],
    ["/payments/*", "/xpayments/", false],
    ["/payments", "/Payments", false],
    ["/a?c", "/abc", true],
    ["/a?c", "/ac", false],
    ["*.css", "/x/y.css", true],
    ["*.css", "/x/yzcss", false],
    ["/a+(b)", "/a+(b)", true],
    ["*", "/anything", true],
  ])("%s on %s: %s", (pattern, text, expected) => {
    expect(wildcard(pattern).test(text)).toBe(expected);
  });
});

const to = (arn: string): Action => ({ type: "forward", groups: [{ arn, weight: 1 }] });
const rules: Rule[] = [
  { priority: Infinity, conditions: [], action: { type: "fixed-response", status: 404, contentType: "text/plain", body: "none" } },
  { priority: 20, conditions: [{ field: "path-pattern", values: ["/auth/*", "/auth"] }], action: to("auth") },
  { priority: 10, conditions: [{ field: "path-pattern", values: ["/auth/admin*"] }], action: to("admin") },
  {
    priority: 30,
    conditions: [
      { field: "path-pattern", values: ["/api/*"] },
      { field: "host-header", values: ["app.*"] },
    ],
    action: to("api"),
  },
  { priority: 5, conditions: [{ field: "source-ip", values: ["10.0.0.0/8"] }], action: to("inside") },
];
const ask = (url: string, host = "app.example.com"): Action | undefined => route(rules, { method: "GET", host, url });

describe("a route", () => {
  it("is the first rule by priority that fits, whatever their order", () => {
    expect(ask("/auth/admin/1")).toEqual(to("admin"));
    expect(ask("/auth/login")).toEqual(to("auth"));
    expect(ask("/auth")).toEqual(to("auth"));
  });

  it("is the default where none fits", () => {
    expect(ask("/else")).toMatchObject({ type: "fixed-response", status: 404 });
  });

  it("does not look at the query", () => {
    expect(ask("/auth?x=/api/")).toEqual(to("auth"));
    expect(ask("/else?/auth/")).toMatchObject({ type: "fixed-response" });
  });

  it("needs all conditions; a host has neither case nor port", () => {
    expect(ask("/api/x", "APP.example.com:443")).toEqual(to("api"));
    expect(ask("/api/x", "www.example.com")).toMatchObject({ type: "fixed-response" });
  });
});

describe("a matcher", () => {
  it.each([
    ["200", 200, true],
    ["200", 201, false],
    ["200-399", 399, true],
    ["200-399", 400, false],
    ["200,301-302", 302, true],
    ["200,301-302", 300, false],
  ])("%s takes %i: %s", (matcher, status, expected) => {
    expect(matches(matcher, status)).toBe(expected);
  });
});

it("weights decide, and 0 is never picked", () => {
  const choices = [
    { name: "none", weight: 0 },
    { name: "a", weight: 1 },
    { name: "b", weight: 3 },
  ];
  expect(byWeight(choices, 0)?.name).toBe("a");
  expect(byWeight(choices, 0.2499)?.name).toBe("a");
  expect(byWeight(choices, 0.25)?.name).toBe("b");
  expect(byWeight(choices, 0.9999)?.name).toBe("b");
  expect(byWeight<{ weight: number }>([], 0)).toBeUndefined();
});

it("a redirect fills in the parts of the request", () => {
  const action = {
    type: "redirect",
    status: 301,
    protocol: "HTTPS",
    host: "#{host}",
    port: "443",
    path: "/#{path}",
    query: "#{query}",
  } as const;
  expect(locationOf(action, { method: "GET", host: "app.example.com:80", url: "/a/b?c=d" }, "http", 80)).toBe(
    "https://app.example.com:443/a/b?c=d",
  );
  expect(locationOf(action, { method: "GET", host: "app.example.com", url: "/" }, "http", 80)).toBe("https://app.example.com:443/");
});
