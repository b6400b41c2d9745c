import type { Failure } from "../base";
import { identifier } from "./server";

/** Privileges and what they are on. Pure. */

/** By object type of `Grant`; `ALL` goes with each. https://www.postgresql.org/docs/current/ddl-priv.html */
const OF_OBJECT: Record<string, string[]> = {
  database: ["CREATE", "CONNECT", "TEMPORARY"],
  schema: ["CREATE", "USAGE"],
  table: ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"],
  sequence: ["USAGE", "SELECT", "UPDATE"],
  function: ["EXECUTE"],
  procedure: ["EXECUTE"],
  routine: ["EXECUTE"],
  type: ["USAGE"],
};

/** Object types of `Grant` that the stand-in knows; the official one also grants on foreign servers and columns. */
export const GRANT_TYPES = ["database", "schema", "table", "sequence", "function", "procedure", "routine"];
export const DEFAULT_PRIVILEGE_TYPES = ["table", "sequence", "function", "routine", "type", "schema"];

/** What is wrong with object type and privileges; they end up in SQL as they are. */
export function refusePrivileges(types: string[], objectType: string, privileges: unknown): Failure[] {
  const allowed = OF_OBJECT[objectType];
  if (!types.includes(objectType) || allowed === undefined) {
    return [{ property: "objectType", reason: `is ${objectType}, may be ${types.join(", ")}` }];
  }
  const names = Array.isArray(privileges) ? (privileges as unknown[]) : [];
  return names
    .filter((name) => name !== "ALL" && !allowed.includes(String(name)))
    .map((name) => ({ property: "privileges", reason: `${String(name)} is none of ${objectType}: ${allowed.join(", ")}, ALL` }));
}

/** A role as a grantee. */
export function grantee(role: string): string {
  return role.toLowerCase() === "public" ? "PUBLIC" : identifier(role);
}

/** Whether two lists hold the same, in any order. */
export function sameSet(a: unknown, b: unknown): boolean {
  return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item) => (b as unknown[]).includes(item));
}

/** All privileges of an object type where `privileges` is `ALL`. */
export function spelledOut(objectType: string, privileges: string[]): string[] {
  return privileges.includes("ALL") ? (OF_OBJECT[objectType] ?? []) : privileges;
}
