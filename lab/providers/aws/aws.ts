import type { Unwrap } from "@pulumi/pulumi";
import type { ResourceKind } from "../base";

/** Where the control planes of the global services are, and what their requests are signed for. */
export const GLOBAL_REGION = "us-east-1";

/** An endpoint that hangs has to become an error; moto on a busy machine has taken 5 s for its first call of a service. */
const REQUEST_TIMEOUT_MS = 15_000;
const CONNECTION_TIMEOUT_MS = 3_000;

/** Plain values of a resource's arguments or state, as `@pulumi/aws` declares them. */
export type AwsKind<Args extends object, State extends object> = ResourceKind<Aws, Plain<Args> & Tagged, Plain<State> & Tagged>;
export type Plain<T extends object> = { [K in keyof T]: Exclude<Unwrap<T[K]>, Promise<unknown>> };

/** `tagsAll` is filled in by `withDefaultTags`. */
interface Tagged {
  tagsAll?: Record<string, string> | undefined;
}

interface Sdk {
  middlewareStack: {
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the types of middleware differ per client and step
    add(middleware: any, options: any): void;
  };
}

export interface SdkOptions {
  region: string;
  maxAttempts: number;
  requestHandler: { requestTimeout: number; connectionTimeout: number; throwOnRequestTimeout: true };
}

/** What every kind is given: the region's API clients and the provider's default tags. Endpoints come from the environment, as the SDK reads it. */
export class Aws {
  private readonly clients = new Map<unknown, Sdk>();

  constructor(
    readonly region: string,
    readonly defaultTags: Record<string, string>,
  ) {}

  /** The one client of its class. Its errors name operation, region and endpoint; what cannot help is not tried again. */
  client<C extends Sdk>(make: new (options: SdkOptions) => C, region = this.region): C {
    const made = this.clients.get(make);
    if (made !== undefined) return made as C;
    const client = new make({
      region,
      maxAttempts: 2,
      requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS, connectionTimeout: CONNECTION_TIMEOUT_MS, throwOnRequestTimeout: true },
    });
    client.middlewareStack.add(named(region), { step: "initialize", name: "named", priority: "high" });
    client.middlewareStack.add(answered, { step: "deserialize", name: "answered", priority: "low" });
    this.clients.set(make, client);
    return client;
  }
}

type Next = (args: unknown) => Promise<{ response?: { statusCode?: number; headers?: Record<string, string> } }>;

interface Context {
  commandName?: string;
  endpointV2?: { url: URL };
}

function named(region: string) {
  return (next: Next, context: Context): Next =>
    async (args) => {
      try {
        return await next(args);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        const operation = context.commandName?.replace(/Command$/, "") ?? "request";
        const endpoint = context.endpointV2?.url.origin ?? process.env.AWS_ENDPOINT_URL ?? "its endpoint";
        // Connection errors of several addresses come as an AggregateError without a message.
        const why = error.message !== "" ? error.message : String((error as NodeJS.ErrnoException).code);
        error.message = `${operation} in ${region} at ${endpoint}: ${error.name === "Error" ? "" : `${error.name}: `}${why}`;
        throw error;
      }
    };
}

/** Errors with no cure in a second attempt: an endpoint that hangs, and an operation that the lab's AWS does not have. */
class NoAnswer extends Error {
  override name = "NoAnswer";
}
class NotImplemented extends Error {
  override name = "NotImplemented";
}

function answered(next: Next): Next {
  return async (args) => {
    let output;
    try {
      output = await next(args);
    } catch (error) {
      if (error instanceof Error && error.name === "TimeoutError") throw new NoAnswer(`no answer within ${REQUEST_TIMEOUT_MS} ms`);
      throw error;
    }
    const { statusCode = 0, headers = {} } = output.response ?? {};
    if (statusCode >= 400 && headers["content-type"]?.startsWith("text/html") === true) {
      throw new NotImplemented(`answered ${statusCode} with a page; the operation is not implemented there`);
    }
    return output;
  };
}

/** Runs the deletion and takes one of these errors (names, or codes in the message's head) as 'gone already'. */
export async function unlessGone<T>(call: () => Promise<T>, ...names: (string | RegExp)[]): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isNamed(error, ...names)) return undefined;
    throw error;
  }
}

export function isNamed(error: unknown, ...names: (string | RegExp)[]): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { Code?: string }).Code ?? "";
  return names.some((name) => (typeof name === "string" ? error.name === name || code === name : name.test(error.name) || name.test(code)));
}

/** The value, or an error that says which answer lacks it. */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new Error(`the answer has no ${what}`);
  return value;
}

/** Two spellings of one JSON document. */
export function sameJson(a: unknown, b: unknown): boolean {
  try {
    return canonical(JSON.parse(String(a))) === canonical(JSON.parse(String(b)));
  } catch {
    return false;
  }
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`)
    .join()}}`;
}

/** Lists whose order means nothing. */
export function sameSet(a: unknown, b: unknown): boolean {
  return Array.isArray(a) && Array.isArray(b) && canonical(a.map(canonical).sort()) === canonical(b.map(canonical).sort());
}

/** `{bucketKeyEnabled: true}` to `{BucketKeyEnabled: true}`, all the way down; `renames` for what the API spells otherwise. */
export function pascal(value: unknown, renames: Record<string, string> = {}): unknown {
  if (Array.isArray(value)) return value.map((item) => pascal(item, renames));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [renames[name] ?? name.charAt(0).toUpperCase() + name.slice(1), pascal(item, renames)]),
  );
}

/** The other way, for what is read back. */
export function camel(value: unknown, renames: Record<string, string> = {}): unknown {
  if (Array.isArray(value)) return value.map((item) => camel(item, renames));
  if (typeof value !== "object" || value === null) return value;
  const names = Object.fromEntries(Object.entries(renames).map(([own, api]) => [api, own]));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([name, item]) => [names[name] ?? name.charAt(0).toLowerCase() + name.slice(1), camel(item, renames)]),
  );
}
