import type { Properties, Value } from "./values";

export type Change = "add" | "update" | "delete";

export interface DiffResult {
  /** Property paths (`tags.Name`, `ingress[0].port`) with their change; empty means no change. */
  changes: Record<string, Change>;
  /** Top-level properties that need a replacement. */
  replaces: string[];
  deleteBeforeReplace?: boolean;
}

/** What one input property of a resource kind is like. `{}` is an optional property that is updated in place. */
export interface PropertySpec {
  /** A resource without it is refused. */
  required?: true;
  /** A change of it replaces the resource. */
  replace?: true;
  /** The service fills it in when the program leaves it out; so taking it out of the program is no change. */
  computed?: true;
  /** Its output is a secret, wherever the value came from. */
  secret?: true;
  /** Whether two unequal values mean the same, e.g. two spellings of a policy document. */
  same?: (a: Value, b: Value) => boolean;
  /** Named `<resource name>-<7 hex digits>` when the program gives no name; the name is kept from then on. */
  autoName?: { maxLength?: number; suffix?: string };
}

/** What a call is about. */
export interface Request {
  urn: string;
  /** Type token, `aws:ec2/vpc:Vpc`. */
  type: string;
  /** The resource's name in the program. */
  name: string;
  /** Aborted when the engine cancels. */
  signal: AbortSignal;
  /** `customTimeouts` of the resource in milliseconds; `undefined` when the program gives none. */
  timeoutMs: number | undefined;
  /** The engine's random seed for the resource's name; empty except in `check`. */
  seed: Uint8Array;
  /** Shows a line beside the resource while the call runs. */
  status(message: string): void;
}

export interface CreateRequest extends Request {
  /**
   * To be called as soon as the resource exists when more calls follow. If one of them fails, the resource is recorded with these outputs alone
   * (so not with what has not been set yet) and an error: the next `up` updates it, and `destroy` finds it.
   */
  exists(id: string, outputs?: object): void;
}

export interface Created {
  id: string;
  outputs: object;
}

/** Why `Check` refuses the inputs. `property` may be empty. */
export interface Failure {
  property: string;
  reason: string;
}

/**
 * One resource type. All values that it sees are plain (no secret wrappings); `create`, `update`, `delete` and `read` never see
 * an unknown. Outputs that it returns are merged over the inputs, so it returns only what the service adds or changes.
 *
 * @typeParam Ctx what the provider's `configure` made, e.g. its API clients
 * @typeParam Args the inputs, e.g. `pulumi.Unwrap<aws.ec2.VpcArgs>`
 * @typeParam State the outputs, e.g. `pulumi.Unwrap<aws.ec2.VpcState>`
 */
export interface ResourceKind<Ctx, Args extends object = Properties, State extends object = Properties> {
  /** Supported inputs; any other one is refused by name. `"any"` checks none. */
  inputs: { [K in keyof Args]?: PropertySpec } | "any";
  /** Further properties that replace, for kinds with `inputs: "any"`; top-level names. */
  replaceOn?: string[];
  /** Outputs that the service makes; unknown in the preview of a create unless given as inputs. */
  outputs?: (keyof State & string)[];
  /** Outputs of `outputs` that an update may change, so that they are unknown in its preview. Default: none. */
  volatile?: (keyof State & string)[];
  /** Fills in defaults in `inputs` itself (may hold unknowns), and says what is wrong with them. `olds` are the inputs of the last update. */
  check?(ctx: Ctx, inputs: Args, olds: Args | undefined, request: Request): Failure[] | Promise<Failure[]>;
  /** Instead of the generic comparison of inputs. */
  diff?(ctx: Ctx, id: string, oldInputs: Args, newInputs: Args, oldOutputs: State, request: Request): DiffResult | Promise<DiffResult>;
  /** Instead of the generic preview (inputs, old outputs, unknowns): `olds` is `undefined` for a create. Returns all outputs. */
  preview?(ctx: Ctx, inputs: Args, olds: State | undefined, request: Request): object | Promise<object>;
  create(ctx: Ctx, inputs: Args, request: CreateRequest): Promise<Created>;
  /** Default: the kind cannot be updated, so say `replace` for each input. `oldInputs` tells what the program took out. */
  update?(ctx: Ctx, id: string, olds: State, news: Args, request: Request & { oldInputs: Args }): Promise<NoInfer<Partial<State>> | object>;
  /** A resource that is gone already counts as deleted. */
  delete(ctx: Ctx, id: string, outputs: State, request: Request): Promise<void>;
  /**
   * All that the service tells; `undefined` when it is gone. Default: believed to be as recorded. `inputs`: what `refresh` compares with the
   * program. `id`: the resource's own, where it was imported by another name.
   */
  read?(
    ctx: Ctx,
    id: string,
    inputs: Args,
    outputs: State,
    request: Request,
  ): Promise<{ outputs: object; inputs?: object; id?: string } | undefined>;
}

/** A kind of any inputs and outputs, as tables of kinds hold it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- Args is both read and written by a kind, so no narrower type fits all
export type AnyKind<Ctx> = ResourceKind<Ctx, any, any>;

/** A provider: `serve` turns it into a plugin. */
export interface Provider<Ctx> {
  /** `aws`: the package part of the type tokens. */
  name: string;
  /** Of the official plugin that it stands in for, without `v`. */
  version: string;
  /**
   * Arguments of the provider resource that it understands; another one is refused by name. `json`: the SDK sends it as JSON text
   * (all that are not strings in the SDK: booleans, numbers, lists, maps).
   */
  config: Record<string, "text" | "json">;
  /** Called once, before anything else. `config`: plain values, those of `json` parsed. */
  configure(config: Properties): Ctx | Promise<Ctx>;
  /** Called when the engine ends the plugin's run. */
  cancel?(ctx: Ctx): void;
  /** The kind of a type token, `undefined` when there is none. May import it only now. */
  kind(type: string): AnyKind<Ctx> | undefined | Promise<AnyKind<Ctx> | undefined>;
}

/** The resource exists but is not right (did not become ready): recorded in the state with the error, and updated by the next `up`. */
export class NotReady extends Error {
  constructor(
    readonly id: string,
    readonly outputs: object,
    readonly reasons: string[],
  ) {
    super(reasons.join("; "));
    this.name = "NotReady";
  }
}
