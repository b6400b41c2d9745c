import type { Epoch, Role } from "../topology/roles";
import type { SiteName } from "../topology/schema";

/** Another site, as the guard has to know it. */
export interface OtherSite {
  site: SiteName;
  region: string;
  /** Its switch bucket. */
  bucket: string;
}

/** What a guard is told by its environment. */
export interface Settings {
  site: SiteName;
  role: Role;
  epoch: Epoch;
  database: { host: string; port: number; name: string; user: string; password: string; ca: string };
  /** PostgreSQL role of the services. */
  appRole: string;
  /** Where the site's own takeover switch is. */
  ownSwitch: Pick<OtherSite, "region" | "bucket">;
  others: OtherSite[];
  intervalMs: number;
  leaseMs: number;
  /** Milliseconds of the wall clock. */
  confirmedUntil?: number;
  listen: { host: string; port: number };
  /** Tells the guards of a site apart. */
  pod: string;
}

const ROLES: readonly Role[] = ["active", "standby", "dormant", "fenced"];

/** @throws RangeError with every variable that is missing or wrong, by name and never by value: one is a password */
export function readSettings(env: Record<string, string | undefined>): Settings {
  const wrong: string[] = [];
  const text = (name: string): string => {
    const value = env[name];
    if (!value) wrong.push(`${name} is not set`);
    return value ?? "";
  };
  const count = (name: string, fallback?: string): number => {
    const value = Number(env[name] ?? fallback);
    if (!Number.isSafeInteger(value) || value < 1) wrong.push(`${name} is no whole number from 1 on`);
    return value;
  };
  const role = ROLES.find((known) => known === env["ROLE"]);
  if (!role) wrong.push(`ROLE is none of ${ROLES.join(", ")}`);
  const others = sites(env["SITES"]);
  if (!others) wrong.push('SITES is no list of {"site","region","bucket"}');
  const confirmed = env["CONFIRMED_UNTIL"] ?? "";
  const confirmedUntil = confirmed === "" ? undefined : Date.parse(confirmed);
  if (Number.isNaN(confirmedUntil)) wrong.push("CONFIRMED_UNTIL is no time as in 2026-01-31T12:00:00Z");

  const settings: Settings = {
    site: text("SITE"),
    role: role ?? "fenced",
    epoch: count("EPOCH"),
    database: {
      host: text("DATABASE_HOST"),
      port: count("DATABASE_PORT", "5432"),
      name: text("DATABASE_NAME"),
      user: text("DATABASE_USER"),
      password: text("DATABASE_ADMIN_PASSWORD"),
      ca: env["DATABASE_CA"] ?? "",
    },
    appRole: text("APP_ROLE"),
    ownSwitch: { region: text("SWITCH_REGION"), bucket: text("SWITCH_BUCKET") },
    others: others ?? [],
    intervalMs: count("INTERVAL_MS"),
    leaseMs: count("LEASE_MS"),
    ...(confirmedUntil !== undefined && { confirmedUntil }),
    listen: { host: env["POD_IP"] ?? "0.0.0.0", port: count("PORT", "8080") },
    pod: env["POD_NAME"] ?? "guard",
  };
  if (wrong.length > 0) throw new RangeError(wrong.join("; "));
  return settings;
}

function sites(text: string | undefined): OtherSite[] | undefined {
  try {
    const list: unknown = JSON.parse(text ?? "");
    return Array.isArray(list) && list.every(isOtherSite) ? list : undefined;
  } catch {
    return undefined;
  }
}

function isOtherSite(value: unknown): value is OtherSite {
  if (typeof value !== "object" || value === null) return false;
  const { site, region, bucket } = value as Record<string, unknown>;
  return [site, region, bucket].every((text) => typeof text === "string" && text !== "");
}
