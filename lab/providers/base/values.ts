import { Struct } from "google-protobuf/google/protobuf/struct_pb";

/**
 * Property values between engine and provider. On the wire a value may be wrapped as secret, as output or as asset, and
 * an unknown is a fixed string. Inside a provider values are plain: `plain` takes the wrappings off, `withSecretsOf`
 * puts the secret ones back on what echoes a secret input.
 */

export type Value = null | boolean | number | string | Value[] | { [name: string]: Value };
export type Properties = Record<string, Value>;

/** Key that marks a wrapped value (pulumi/pulumi `sdk/go/common/resource`, `SigKey`). */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
const RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e";
const ASSET = "c44067f5952c0a294b673a41bacd8c17";

/** What stands for any value that is not known before an update (`UnknownStringValue` and its kin for other types). */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const UNKNOWNS = new Set([
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", // bool
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421", // number
  UNKNOWN,
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", // array
  "030794c1-ac77-496b-92df-f27374a8bd58", // asset
  "e48ece36-62e2-4504-bad9-02848725956a", // archive
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff", // object
]);

export function isUnknown(value: unknown): boolean {
  return typeof value === "string" && UNKNOWNS.has(value);
}

/** Whether the value is, or holds, an unknown. */
export function hasUnknown(value: Value | undefined): boolean {
  if (isMap(value)) return Object.values(value).some(hasUnknown);
  return Array.isArray(value) ? value.some(hasUnknown) : isUnknown(value);
}

export function isMap(value: unknown): value is Record<string, Value> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An asset as it travels: exactly one of `text`, `path` (on this machine), `uri`. */
export interface Asset {
  hash?: string;
  text?: string;
  path?: string;
  uri?: string;
}

export function isAsset(value: unknown): value is Asset {
  return isMap(value) && value[SIGNATURE] === ASSET;
}

export function fromStruct(struct: Struct | undefined): Properties {
  return struct?.toJavaScript() ?? {};
}

/** As a struct, without `undefined`s. */
export function toStruct(properties: object): Struct {
  return Struct.fromJavaScript(JSON.parse(JSON.stringify(properties)) as Parameters<typeof Struct.fromJavaScript>[0]);
}

/** The value without secret, output and resource wrappings; assets stay, unknowns become `UNKNOWN`. */
export function plain<T extends Value>(value: T): T;
export function plain(value: Value): Value {
  if (Array.isArray(value)) return value.map((item) => plain(item));
  if (!isMap(value)) return isUnknown(value) ? UNKNOWN : value;
  switch (value[SIGNATURE]) {
    case SECRET:
    case OUTPUT:
      return "value" in value ? plain(value.value ?? null) : UNKNOWN;
    case RESOURCE:
      return plain(value.id ?? value.urn ?? null);
    case ASSET:
      return value;
    default:
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
  }
}

/** Whether the wire value is, or holds, a secret. */
export function hasSecret(value: Value | undefined): boolean {
  if (Array.isArray(value)) return value.some(hasSecret);
  if (!isMap(value)) return false;
  return isSecret(value) || Object.values(value).some(hasSecret);
}

function isSecret(value: Value): boolean {
  return isMap(value) && (value[SIGNATURE] === SECRET || (value[SIGNATURE] === OUTPUT && value.secret === true));
}

export function secret(value: Value): Value {
  return { [SIGNATURE]: SECRET, value };
}

/** The plain value with a secret wrapping wherever the wire value of the same place has one; a list counts as one place. */
export function withSecretsOf(wire: Value | undefined, value: Value): Value {
  if (wire === undefined || !hasSecret(wire)) return value;
  if (isSecret(wire) || !isMap(wire) || !isMap(value)) return secret(value);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withSecretsOf(wire[name], item)]));
}
