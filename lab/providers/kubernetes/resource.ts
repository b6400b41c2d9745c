import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { autoName, isMap, isUnknown, NotReady, UNKNOWN, type Failure, type Request, type ResourceKind } from "../base";
import { ApiError, type KubernetesApi } from "./api";
import { awaitDeleted, awaitReady } from "./await";
import { drift } from "./drift";
import { collectionPath, type ObjectKind } from "./kinds";
import { annotation, ANNOTATIONS, idOf, titleOf, type KubernetesObject, type Metadata } from "./object";
import { diffObject, type Mutability } from "./replace";

export interface Context {
  api: KubernetesApi;
  /** Where objects go that name no namespace. */
  namespace: string;
  mutable: Mutability;
}

/** An object as it stands in the state: the live one, and who applied it. */
type State = KubernetesObject & { __fieldManager?: string };

const STEERING = new Set<string>(Object.values(ANNOTATIONS));

/** What the API server makes of an object, and no program knows before. */
const SERVER_METADATA = { uid: UNKNOWN, resourceVersion: UNKNOWN, creationTimestamp: UNKNOWN };

/**
 * Any kind of Kubernetes object as a resource: server-side apply under a field manager of its own, deletes in the foreground, waits until it is ready.
 * Unlike the official provider's, a preview asks the API nothing: a plan must not need a region that may be gone.
 */
export function objectResource(kind: ObjectKind): ResourceKind<Context, KubernetesObject, State> {
  const data = new Set(kind.secret);
  const pathOf = (metadata: Metadata): string => `${collectionPath(kind, metadata.namespace)}/${encodeURIComponent(metadata.name)}`;

  async function apply(ctx: Context, inputs: KubernetesObject, manager: string, request: Request, did: string): Promise<State> {
    let live: KubernetesObject;
    try {
      live = await ctx.api.call({
        method: "PATCH",
        path: pathOf(inputs.metadata),
        query: {
          fieldManager: manager,
          force: String(annotation(inputs.metadata, ANNOTATIONS.patchForce) === "true"),
          fieldValidation: "Strict",
        },
        body: applied(inputs),
        contentType: "application/apply-patch+yaml",
        signal: request.signal,
      });
    } catch (error) {
      throw explained(error, did, inputs, ctx.api);
    }
    const skip = annotation(inputs.metadata, ANNOTATIONS.skipAwait) === "true";
    try {
      const ready = skip ? live : await awaitReady(ctx.api, { path: pathOf(live.metadata), collection: collectionOf(live) }, live, request);
      return state(ready, manager);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new NotReady(idOf(live.metadata), state(live, manager), [`${did} ${titleOf(live)}, but ${reason}`]);
    }
  }

  const collectionOf = (object: KubernetesObject): string => collectionPath(kind, object.metadata.namespace);

  return {
    inputs: {
      apiVersion: { required: true },
      kind: { required: true },
      metadata: {},
      ...Object.fromEntries(kind.fields.map((field) => [field, data.has(field) ? { secret: true as const } : {}])),
    },

    check(ctx, inputs, olds, request) {
      const failures: Failure[] = [];
      if (inputs.apiVersion !== kind.apiVersion)
        failures.push({ property: "apiVersion", reason: `must be ${kind.apiVersion} for ${request.type}` });
      if (inputs.kind !== kind.kind) failures.push({ property: "kind", reason: `must be ${kind.kind} for ${request.type}` });
      // A program may leave metadata out, or not know it yet.
      const metadata: Partial<Metadata> | string = (inputs as Partial<KubernetesObject>).metadata ?? {};
      if (typeof metadata === "string") return failures;
      inputs.metadata = metadata as Metadata;
      if (kind.namespaced) metadata.namespace ??= ctx.namespace;
      if (metadata.name === undefined) {
        const kept = annotation(olds?.metadata, ANNOTATIONS.autonamed) === "true" ? olds?.metadata.name : undefined;
        metadata.name = kept ?? autoName(request.name, request.seed, { maxLength: 63 });
        metadata.annotations = { ...metadata.annotations, [ANNOTATIONS.autonamed]: "true" };
      }
      for (const name of isMap(metadata.annotations) ? Object.keys(metadata.annotations) : []) {
        if (name.startsWith("pulumi.com/") && !STEERING.has(name)) {
          failures.push({
            property: "metadata.annotations",
            reason: `the lab's stand-in for the kubernetes provider does not know the annotation ${name}`,
          });
        }
      }
      return failures;
    },

    diff: (ctx, _id, olds, news) => diffObject(kind, ctx.mutable, olds, news),

    preview(_ctx, inputs, olds) {
      if (isUnknown(inputs.metadata)) return inputs;
      if (olds !== undefined) return { ...olds, ...inputs, metadata: { ...olds.metadata, ...inputs.metadata } };
      const spec = kind.kind === "Service" && isMap(inputs.spec) ? { spec: { clusterIP: UNKNOWN, ...inputs.spec } } : {};
      return { ...inputs, ...spec, metadata: { ...SERVER_METADATA, ...inputs.metadata }, status: UNKNOWN };
    },

    async create(ctx, inputs, request) {
      // To apply is to adopt. What exists already is somebody else's.
      const existing = await ctx.api.get(pathOf(inputs.metadata), request.signal).catch((error: unknown) => {
        throw explained(error, "looked for", inputs, ctx.api);
      });
      if (existing !== undefined) throw new Error(`${titleOf(inputs)} exists already at ${ctx.api.address}, and is not adopted`);
      const manager = annotation(inputs.metadata, ANNOTATIONS.patchFieldManager) ?? `pulumi-kubernetes-${randomBytes(4).toString("hex")}`;
      const outputs = await apply(ctx, inputs, manager, request, "created");
      return { id: idOf(outputs.metadata), outputs };
    },

    async update(ctx, _id, olds, inputs, request) {
      const manager = olds.__fieldManager ?? `pulumi-kubernetes-${randomBytes(4).toString("hex")}`;
      return apply(ctx, inputs, manager, request, "updated");
    },

    async delete(ctx, _id, outputs, request) {
      const at = { path: pathOf(outputs.metadata), collection: collectionOf(outputs) };
      try {
        await ctx.api.call({ method: "DELETE", path: at.path, body: { propagationPolicy: "Foreground" }, signal: request.signal });
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return;
        throw explained(error, "deleted", outputs, ctx.api);
      }
      if (annotation(outputs.metadata, ANNOTATIONS.skipAwait) !== "true") await awaitDeleted(ctx.api, at, outputs, request);
    },

    async read(ctx, id, inputs, outputs, request) {
      const [name = "", namespace] = id.split("/").reverse();
      const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
      const live = await ctx.api.get(pathOf(metadata), request.signal);
      if (live === undefined) return undefined;
      const manager = outputs.__fieldManager ?? creatorOf(live.metadata);
      const found = { outputs: state(live, manager) };
      if (Object.keys(inputs).length === 0) return { ...found, inputs: importable(kind, live) };
      const unchanged = await ctx.api.call({
        method: "PATCH",
        path: pathOf(metadata),
        query: { fieldManager: manager ?? "pulumi-kubernetes", force: "true", dryRun: "All" },
        body: applied(inputs),
        contentType: "application/apply-patch+yaml",
        signal: request.signal,
      });
      return isDeepStrictEqual(comparable(unchanged), comparable(live)) ? found : { ...found, inputs: drift(inputs, live) };
    },
  };
}

/** The object to apply. The API never tells `stringData` again, so it could not take a key of it away later; as `data` it can. */
function applied(inputs: KubernetesObject): object {
  const { stringData, ...rest } = inputs;
  if (stringData === undefined) return rest;
  const encoded = Object.entries(stringData).map(([name, text]) => [name, Buffer.from(text).toString("base64")]);
  return { ...rest, data: { ...rest.data, ...(Object.fromEntries(encoded) as Record<string, string>) } };
}

function state(live: KubernetesObject, manager: string | undefined): State {
  return { ...live, metadata: withoutManagedFields(live.metadata), ...(manager === undefined ? {} : { __fieldManager: manager }) };
}

function withoutManagedFields(metadata: Metadata): Metadata {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => name !== "managedFields")) as unknown as Metadata;
}

/**
 * The manager under which an object was created whose state was lost. The official provider takes over the fields of any manager
 * of its own whenever it updates.
 */
function creatorOf({ managedFields = [] }: Metadata): string | undefined {
  return managedFields.find(({ manager = "", subresource }) => subresource === undefined && manager.startsWith("pulumi-kubernetes"))
    ?.manager;
}

/** Without what an apply changes even if it changes nothing, and without what controllers write meanwhile. */
function comparable(object: KubernetesObject): object {
  const { status: _status, metadata, ...rest } = object;
  return { ...rest, metadata: { ...withoutManagedFields(metadata), resourceVersion: "", generation: 0 } };
}

/** What a program would have written. */
function importable(kind: ObjectKind, live: KubernetesObject): object {
  const { name, namespace, labels, annotations } = live.metadata;
  const fields = Object.fromEntries(kind.fields.filter((field) => field in live).map((field) => [field, live[field]]));
  return { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name, namespace, labels, annotations }, ...fields };
}

function explained(error: unknown, did: string, object: KubernetesObject, api: KubernetesApi): Error {
  if (!(error instanceof ApiError)) return error instanceof Error ? error : new Error(String(error));
  let remedy = "";
  if (error.reason === "Conflict") remedy = `; to take the fields over, set the annotation ${ANNOTATIONS.patchForce} to "true"`;
  else if (error.status === 404 && !error.message.includes("not found")) remedy = `; does the cluster serve ${object.apiVersion}?`;
  return new Error(`${titleOf(object)} could not be ${did} at ${api.address}: ${error.status} ${error.message}${remedy}`, { cause: error });
}
