/** What a stack exports. */
export type Outputs = Record<string, unknown>;

/** The part of an exported stack that is looked at. */
export interface Checkpoint {
  resources?: StateResource[];
  pending_operations?: PendingOperation[];
}

export interface StateResource {
  urn: string;
  type: string;
  id?: string;
  inputs?: Record<string, unknown>;
  outputs?: Outputs;
  /** Deleted already, so that its successor can be created. */
  pendingReplacement?: boolean;
  /** URN and id of the provider that has it. */
  provider?: string;
}

/** An operation in a stack's state that began and has no end. */
export interface PendingOperation {
  type: "creating" | "updating" | "deleting" | "reading" | "importing";
  resource: StateResource;
}

/** The stack itself, which has its outputs. */
export function rootOf({ resources }: Checkpoint) {
  return resources?.find(({ type }) => type === "pulumi:pulumi:Stack");
}

/** Region of the provider that has a resource; `undefined` where it has none. */
export function regionOf({ provider = "" }: StateResource, resources: readonly StateResource[]): string | undefined {
  const region = resources.find(({ urn, id }) => `${urn}::${id ?? ""}` === provider)?.inputs?.["region"];
  return typeof region === "string" ? region : undefined;
}
