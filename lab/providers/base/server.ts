import * as grpc from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { diffInputs } from "./diff";
import { Engine } from "./engine";
import { NotReady, type AnyKind, type Change, type DiffResult, type Failure, type PropertySpec, type Provider, type Request } from "./kind";
import { autoName } from "./names";
import {
  fromStruct,
  hasSecret,
  hasUnknown,
  isMap,
  plain,
  secret,
  toStruct,
  UNKNOWN,
  withSecretsOf,
  type Properties,
  type Value,
} from "./values";

/** Inputs that the plugin named by itself, remembered in the inputs as the official bridge does. */
const DEFAULTS = "__defaults";

const MAX_MESSAGE_BYTES = 400 * 1024 * 1024;

/** Serves the provider on a free loopback port and prints the port, which is how the engine finds a plugin. */
export function serve<Ctx>(provider: Provider<Ctx>): void {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  });
  server.addService(ResourceProviderService, new ProviderServer(provider, new Engine(process.argv.slice(2).at(-1))).methods());
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    process.stdout.write(`${port}\n`);
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(0));
}

/** The gRPC service of one provider. */
export class ProviderServer<Ctx> {
  private configured: { ctx: Ctx } | undefined;
  private readonly cancelled = new AbortController();

  constructor(
    private readonly provider: Provider<Ctx>,
    private readonly engine = new Engine(undefined),
  ) {}

  methods(): grpc.UntypedServiceImplementation {
    return {
      handshake: unary(() => {
        const response = new rpc.ProviderHandshakeResponse();
        response.setAcceptSecrets(true);
        return response;
      }),
      getPluginInfo: unary(() => {
        const info = new PluginInfo();
        info.setVersion(this.provider.version);
        return info;
      }),
      attach: unary(() => new Empty()),
      cancel: unary(() => {
        this.cancelled.abort(new Error("cancelled"));
        if (this.configured !== undefined) this.provider.cancel?.(this.configured.ctx);
        return new Empty();
      }),
      checkConfig: unary((request: rpc.CheckRequest) => this.checkConfig(request)),
      diffConfig: unary((request: rpc.DiffRequest) => this.diffConfig(request)),
      configure: unary((request: rpc.ConfigureRequest) => this.configure(request)),
      check: unary((request: rpc.CheckRequest) => this.check(request)),
      diff: unary((request: rpc.DiffRequest) => this.diff(request)),
      create: unary((request: rpc.CreateRequest) => this.create(request)),
      read: unary((request: rpc.ReadRequest) => this.read(request)),
      update: unary((request: rpc.UpdateRequest) => this.update(request)),
      delete: unary((request: rpc.DeleteRequest) => this.delete(request)),
      invoke: unary((request: rpc.InvokeRequest) => {
        throw new Error(this.without(`function ${request.getTok()}`));
      }),
      call: unary((request: rpc.CallRequest) => {
        throw new Error(this.without(`method ${request.getTok()}`));
      }),
      construct: unary((request: rpc.ConstructRequest) => {
        throw new Error(this.without(`component ${request.getType()}`));
      }),
      getSchema: unimplemented("GetSchema"),
      getMapping: unimplemented("GetMapping"),
      getMappings: unimplemented("GetMappings"),
      parameterize: unimplemented("Parameterize"),
    };
  }

  private without(what: string): string {
    return `the lab's stand-in for the ${this.provider.name} provider has no ${what}`;
  }

  private checkConfig(request: rpc.CheckRequest): rpc.CheckResponse {
    const known = new Set([...Object.keys(this.provider.config), "version", "pluginDownloadURL"]);
    const failures = Object.keys(fromStruct(request.getNews()))
      .filter((name) => !known.has(name) && !name.startsWith("__"))
      .map((name) => ({ property: name, reason: this.without(`configuration ${name}`) }));
    return checked(fromStruct(request.getNews()), failures);
  }

  /** A changed configuration never replaces the resources that were made with it. */
  private diffConfig(request: rpc.DiffRequest): rpc.DiffResponse {
    const olds = plain(fromStruct(request.hasOldInputs() ? request.getOldInputs() : request.getOlds()));
    return diffed(diffInputs(olds, plain(fromStruct(request.getNews())), () => undefined));
  }

  private async configure(request: rpc.ConfigureRequest): Promise<rpc.ConfigureResponse> {
    const config = Object.entries(plain(fromStruct(request.getArgs()))).map(([name, value]): [string, Value] => [
      name,
      this.provider.config[name] === "json" && typeof value === "string" ? (JSON.parse(value) as Value) : value,
    ]);
    this.configured = { ctx: await this.provider.configure(Object.fromEntries(config)) };
    const response = new rpc.ConfigureResponse();
    response.setAcceptsecrets(true);
    response.setSupportspreview(true);
    response.setAcceptresources(false);
    response.setAcceptoutputs(false);
    return response;
  }

  private async kind(type: string): Promise<{ ctx: Ctx; kind: AnyKind<Ctx> }> {
    if (this.configured === undefined) throw new Error(`provider ${this.provider.name} is used before it was configured`);
    const kind = await this.provider.kind(type);
    if (kind === undefined) throw new Error(this.without(`resource type ${type}`));
    return { ctx: this.configured.ctx, kind };
  }

  private about(request: { getUrn(): string; getTimeout?(): number; getRandomseed_asU8?(): Uint8Array }): Request {
    const urn = request.getUrn();
    const type = urn.split("::")[2]?.split("$").at(-1) ?? "";
    const seconds = request.getTimeout?.() ?? 0;
    return {
      urn,
      type,
      name: urn.split("::").slice(3).join("::"),
      signal: this.cancelled.signal,
      timeoutMs: seconds === 0 ? undefined : seconds * 1000,
      seed: request.getRandomseed_asU8?.() ?? new Uint8Array(),
      status: (message) => {
        this.engine.status(urn, message);
      },
    };
  }

  private async check(request: rpc.CheckRequest): Promise<rpc.CheckResponse> {
    const about = this.about(request);
    const { ctx, kind } = await this.kind(about.type);
    const wire = fromStruct(request.getNews());
    const wireOlds = fromStruct(request.getOlds());
    const inputs = Object.fromEntries(Object.entries(plain(wire)).filter(([, value]) => value !== null));
    const olds = Object.keys(wireOlds).length === 0 ? undefined : plain(wireOlds);
    const failures: Failure[] = [];
    const defaults: string[] = [];
    if (kind.inputs !== "any") {
      for (const name of Object.keys(inputs)) {
        if (!(name in kind.inputs) && !name.startsWith("__"))
          failures.push({ property: name, reason: this.without(`property ${name} of ${about.type}`) });
      }
      for (const [name, spec] of specs(kind.inputs)) {
        if (name in inputs) continue;
        if (spec.autoName !== undefined) {
          const named = olds?.[DEFAULTS];
          const kept = Array.isArray(named) && named.includes(name) ? olds?.[name] : undefined;
          inputs[name] = kept ?? autoName(about.name, about.seed, spec.autoName);
          defaults.push(name);
        } else if (spec.required === true) failures.push({ property: name, reason: `missing required property ${name} of ${about.type}` });
      }
    }
    if (failures.length === 0) failures.push(...((await kind.check?.(ctx, inputs, olds, about)) ?? []));
    if (defaults.length > 0) inputs[DEFAULTS] = defaults;
    return checked(withSecretsOf(wire, inputs) as Properties, failures);
  }

  private async diff(request: rpc.DiffRequest): Promise<rpc.DiffResponse> {
    const about = this.about(request);
    const { ctx, kind } = await this.kind(about.type);
    const oldInputs = plain(fromStruct(request.getOldInputs()));
    const newInputs = plain(fromStruct(request.getNews()));
    if (kind.diff !== undefined) {
      return diffed(
        await kind.diff(
          ctx,
          request.getId(),
          withoutMarks(oldInputs),
          withoutMarks(newInputs),
          plain(fromStruct(request.getOlds())),
          about,
        ),
      );
    }
    const result = diffInputs(oldInputs, newInputs, (name) => specOf(kind, name), plain(fromStruct(request.getOlds())));
    // An explicit name is taken until its owner is gone, so a replacement under the same name has to delete first.
    const named = kind.inputs === "any" ? undefined : specs(kind.inputs).find(([, spec]) => spec.autoName !== undefined)?.[0];
    if (result.replaces.length > 0 && named !== undefined && newInputs[DEFAULTS] === undefined && oldInputs[named] === newInputs[named]) {
      result.deleteBeforeReplace = true;
    }
    return diffed(result);
  }

  private async create(request: rpc.CreateRequest): Promise<rpc.CreateResponse> {
    const about = this.about(request);
    const { ctx, kind } = await this.kind(about.type);
    const wire = fromStruct(request.getProperties());
    const inputs = withoutMarks(plain(wire));
    const response = new rpc.CreateResponse();
    if (request.getPreview()) {
      response.setProperties(toStruct(echo(kind, wire, await preview(kind, ctx, inputs, undefined, about))));
      return response;
    }
    refuseUnknown(inputs, about);
    let exists: { id: string; outputs: object } | undefined;
    try {
      const { id, outputs } = await kind.create(ctx, inputs, {
        ...about,
        exists: (id, outputs = {}) => {
          exists = { id, outputs };
        },
      });
      response.setId(id);
      response.setProperties(toStruct(echo(kind, wire, { ...inputs, ...outputs })));
      return response;
    } catch (error) {
      if (error instanceof NotReady || exists === undefined) {
        throw described(error, about, (outputs) => echo(kind, wire, { ...inputs, ...outputs }), withoutMarks(wire));
      }
      const half = new NotReady(exists.id, exists.outputs, [error instanceof Error ? error.message : String(error)]);
      throw described(half, about, (outputs) => echo(kind, wire, outputs), withoutMarks(wire));
    }
  }

  private async update(request: rpc.UpdateRequest): Promise<rpc.UpdateResponse> {
    const about = this.about(request);
    const { ctx, kind } = await this.kind(about.type);
    const wire = fromStruct(request.getNews());
    const inputs = withoutMarks(plain(wire));
    const olds = plain(fromStruct(request.getOlds()));
    const oldInputs = withoutMarks(plain(fromStruct(request.getOldInputs())));
    const response = new rpc.UpdateResponse();
    if (request.getPreview()) {
      response.setProperties(toStruct(echo(kind, wire, await preview(kind, ctx, inputs, { olds, oldInputs }, about))));
      return response;
    }
    if (kind.update === undefined) throw new Error(this.without(`update of ${about.type}`));
    refuseUnknown(inputs, about);
    try {
      const outputs = await kind.update(ctx, request.getId(), olds, inputs, { ...about, oldInputs });
      response.setProperties(toStruct(echo(kind, wire, { ...carried(kind, olds, oldInputs, inputs), ...inputs, ...outputs })));
      return response;
    } catch (error) {
      throw described(
        error,
        about,
        (outputs) => echo(kind, wire, { ...carried(kind, olds, oldInputs, inputs), ...inputs, ...outputs }),
        withoutMarks(wire),
      );
    }
  }

  private async delete(request: rpc.DeleteRequest): Promise<Empty> {
    const about = this.about(request);
    const { ctx, kind } = await this.kind(about.type);
    try {
      await kind.delete(ctx, request.getId(), plain(fromStruct(request.getProperties())), about);
    } catch (error) {
      throw described(error, about);
    }
    return new Empty();
  }

  private async read(request: rpc.ReadRequest): Promise<rpc.ReadResponse> {
    const about = this.about(request);
    const { ctx, kind } = await this.kind(about.type);
    const wire = fromStruct(request.getProperties());
    const wireInputs = fromStruct(request.getInputs());
    const response = new rpc.ReadResponse();
    if (kind.read === undefined) {
      if (Object.keys(wire).length === 0) throw new Error(this.without(`import of ${about.type}`));
      response.setId(request.getId());
      response.setProperties(toStruct(wire));
      response.setInputs(toStruct(wireInputs));
      return response;
    }
    try {
      const outputs = plain(wire);
      const found = await kind.read(ctx, request.getId(), withoutMarks(plain(wireInputs)), outputs, about);
      if (found === undefined) return response;
      response.setId(found.id ?? request.getId());
      response.setProperties(toStruct(echo(kind, { ...wireInputs, ...wire }, { ...outputs, ...found.outputs })));
      response.setInputs(
        toStruct(
          found.inputs === undefined ? wireInputs : { ...wireInputs, ...(withSecretsOf(wireInputs, found.inputs as Properties) as object) },
        ),
      );
      return response;
    } catch (error) {
      throw described(error, about);
    }
  }
}

function specs(inputs: Record<string, PropertySpec | undefined>): [string, PropertySpec][] {
  return Object.entries(inputs).flatMap(([name, spec]) => (spec === undefined ? [] : [[name, spec]]));
}

function specOf<Ctx>(kind: AnyKind<Ctx>, name: string): PropertySpec | undefined {
  const spec = kind.inputs === "any" ? undefined : kind.inputs[name];
  return kind.replaceOn?.includes(name) === true ? { ...spec, replace: true } : spec;
}

/** Old outputs that stay when inputs change: not those that the program has taken out, unless the service fills them in. */
function carried<Ctx>(kind: AnyKind<Ctx>, olds: Properties, oldInputs: Properties, inputs: Properties): Properties {
  return Object.fromEntries(
    Object.entries(olds).filter(([name]) => !(name in oldInputs) || name in inputs || specOf(kind, name)?.computed === true),
  );
}

async function preview<Ctx>(
  kind: AnyKind<Ctx>,
  ctx: Ctx,
  inputs: Properties,
  before: { olds: Properties; oldInputs: Properties } | undefined,
  about: Request,
): Promise<object> {
  if (kind.preview !== undefined) return await kind.preview(ctx, inputs, before?.olds, about);
  const made = kind.outputs ?? [];
  if (before === undefined) return { ...unknowns(made), ...unknowns(computedInputs(kind)), ...inputs };
  return { ...carried(kind, before.olds, before.oldInputs, inputs), ...unknowns(kind.volatile ?? []), ...inputs };
}

function computedInputs<Ctx>(kind: AnyKind<Ctx>): string[] {
  return kind.inputs === "any" ? [] : specs(kind.inputs).flatMap(([name, spec]) => (spec.computed === true ? [name] : []));
}

function unknowns(names: string[]): Properties {
  return Object.fromEntries(names.map((name) => [name, UNKNOWN]));
}

/** Outputs as they go out: secret where the input of the same place is, or where the kind says so. */
function echo<Ctx>(kind: AnyKind<Ctx>, wire: Properties, outputs: object): Properties {
  const marked = withSecretsOf(wire, JSON.parse(JSON.stringify(outputs)) as Properties) as Properties;
  for (const [name, value] of Object.entries(outputs) as [string, Value | undefined][]) {
    if (specOf(kind, name)?.secret === true && value !== undefined) marked[name] = secret(value);
  }
  return marked;
}

function withoutMarks(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !name.startsWith("__")));
}

function refuseUnknown(inputs: Properties, about: Request): void {
  const name = Object.keys(inputs).find((key) => hasUnknown(inputs[key]));
  if (name !== undefined) throw new Error(`property ${name} of ${about.urn} is still unknown`);
}

function checked(inputs: Properties, failures: Failure[]): rpc.CheckResponse {
  const response = new rpc.CheckResponse();
  response.setInputs(toStruct(inputs));
  response.setFailuresList(
    failures.map(({ property, reason }) => {
      const failure = new rpc.CheckFailure();
      // The engine prints the value of a property that it is told of, secret or not.
      failure.setProperty(hasSecret(inputs[property]) ? "" : property);
      failure.setReason(reason);
      return failure;
    }),
  );
  return response;
}

const KINDS: Record<Change, { change: rpc.PropertyDiff.Kind; replace: rpc.PropertyDiff.Kind }> = {
  add: { change: rpc.PropertyDiff.Kind.ADD, replace: rpc.PropertyDiff.Kind.ADD_REPLACE },
  update: { change: rpc.PropertyDiff.Kind.UPDATE, replace: rpc.PropertyDiff.Kind.UPDATE_REPLACE },
  delete: { change: rpc.PropertyDiff.Kind.DELETE, replace: rpc.PropertyDiff.Kind.DELETE_REPLACE },
};

function diffed(result: DiffResult): rpc.DiffResponse {
  const response = new rpc.DiffResponse();
  const paths = Object.entries(result.changes);
  response.setChanges(paths.length === 0 ? rpc.DiffResponse.DiffChanges.DIFF_NONE : rpc.DiffResponse.DiffChanges.DIFF_SOME);
  const top = (path: string): string => /^[^.[]*/.exec(path)?.[0] ?? path;
  response.setDiffsList([...new Set(paths.map(([path]) => top(path)))]);
  response.setReplacesList(result.replaces);
  response.setDeletebeforereplace(result.deleteBeforeReplace ?? false);
  response.setHasdetaileddiff(true);
  for (const [path, change] of paths) {
    const diff = new rpc.PropertyDiff();
    diff.setKind(KINDS[change][result.replaces.includes(top(path)) ? "replace" : "change"]);
    diff.setInputdiff(true);
    response.getDetaileddiffMap().set(path, diff);
  }
  return response;
}

/** The error as the engine wants it: one message, and for `NotReady` what exists nevertheless. */
function described(error: unknown, about: Request, outputs?: (made: object) => Properties, inputs: Properties = {}): Error {
  const message = error instanceof Error ? error.message : String(error);
  const failure = Object.assign(new Error(message), { code: grpc.status.UNKNOWN, details: message, metadata: new grpc.Metadata() });
  if (!(error instanceof NotReady) || outputs === undefined) {
    if (process.env.CHANGEOVER_PROVIDER_TRACE !== undefined) console.error(about.urn, error);
    return failure;
  }
  const detail = new rpc.ErrorResourceInitFailed();
  detail.setId(error.id);
  detail.setProperties(toStruct(outputs(error.outputs)));
  detail.setInputs(toStruct(inputs));
  detail.setReasonsList(error.reasons);
  const any = new Any();
  any.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage(message);
  status.addDetails(any);
  failure.metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return failure;
}

function unary<Req, Res>(handle: (request: Req) => Res | Promise<Res>): grpc.handleUnaryCall<Req, Res> {
  return (call, callback) => {
    Promise.resolve()
      .then(() => handle(call.request))
      .then(
        (response) => {
          callback(null, response);
        },
        (error: unknown) => {
          callback(isMap(error) && "code" in error ? error : described(error, {} as Request));
        },
      );
  };
}

function unimplemented(method: string): grpc.handleUnaryCall<unknown, unknown> {
  return (_call, callback) => {
    callback({ code: grpc.status.UNIMPLEMENTED, details: `${method} is not implemented` });
  };
}
