/**
 * Base of the lab's stand-in provider plugins: Pulumi's resource provider protocol over tables of resource kinds.
 *
 * A provider is a `Provider<Ctx>`: name, version, the configuration that it takes, and `kind(type)`, which gives the
 * `ResourceKind` of a type token. Its plugin is a file `lab/providers/<name>/plugin.ts` that ends with `serve(provider)`.
 *
 *     const topic: ResourceKind<Clients, Unwrap<aws.sns.TopicArgs>, Unwrap<aws.sns.TopicState>> = {
 *       inputs: { name: { replace: true, autoName: {} }, displayName: {}, tags: {} },
 *       outputs: ["arn"],
 *       async create(clients, inputs) { ...; return { id: arn, outputs: { arn } }; },
 *       async update(clients, id, olds, news, { oldInputs }) { ...; return {}; },
 *       async delete(clients, id) { ... },
 *     };
 *     serve({ name: "aws", version: "7.48.0", config: { region: "text", defaultTags: "json" }, configure: (config) => new Clients(config), kind: (type) => KINDS[type] });
 *
 * What the base does for every kind:
 * - Values are plain: secrets, outputs and resource references are unwrapped before a kind sees them, and an output is made secret
 *   where the input of the same path was (in lists: the whole list). `PropertySpec.secret` makes an output secret always.
 * - An input that `inputs` does not name, a missing required one, an unknown type and an unknown configuration key are refused by name.
 *   `inputs: "any"` leaves that to the service.
 * - `autoName` fills names in and keeps them.
 * - Diff compares the inputs of the last update with those of this one (not with the outputs), property by property, with paths into maps and lists;
 *   `replace`, `computed` and `same` of the property's spec rule it. A kind may bring its own `diff` (then call `diffInputs` from it where that helps).
 * - Preview of a create: inputs, and unknown for all of `outputs` and for `computed` inputs that are not given. Preview of an update:
 *   old outputs, `volatile` ones unknown, new inputs. A kind may bring its own `preview`; in it and in `check` and `diff`, inputs may hold unknowns (`isUnknown`, `hasUnknown`).
 * - Outputs recorded after create: inputs overlaid with what `create` returns. After update: the old outputs (less what the program took out),
 *   overlaid with the inputs, overlaid with what `update` returns.
 * - `read` missing: a refresh believes what is recorded.
 * - `request.exists(id)` in a `create` of several calls keeps a half-made resource from being forgotten.
 * - `throw new NotReady(id, outputs, reasons)` records a resource that exists but did not get ready.
 * - An error's message goes to the engine as it is: say which operation, where, and what to do. With CHANGEOVER_PROVIDER_TRACE set, its stack goes to stderr.
 */
export { serve, ProviderServer } from "./server";
export {
  NotReady,
  type AnyKind,
  type Change,
  type CreateRequest,
  type Created,
  type DiffResult,
  type Failure,
  type PropertySpec,
  type Provider,
  type Request,
  type ResourceKind,
} from "./kind";
export { diffInputs } from "./diff";
export { autoName } from "./names";
export {
  hasUnknown,
  isAsset,
  isMap,
  isUnknown,
  plain,
  secret,
  UNKNOWN,
  withSecretsOf,
  type Asset,
  type Properties,
  type Value,
} from "./values";
