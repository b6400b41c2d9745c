import { namesFor, type Names, type SiteNames, type StackName } from "../topology/names";
import type { Role } from "../topology/roles";
import type { Site, SiteName, Topology } from "../topology/schema";
import type { Finding } from "./finding";
import { CONFIG_MAP, INSTANCE, SNAPSHOT, type Kind } from "./kinds";
import { UnknownValueError } from "./unknown";

/** A resource as a policy sees it. */
export interface Resource<Props = Record<string, unknown>> {
  urn: string;
  type: string;
  name: string;
  /** Reading what a preview does not know throws. */
  props: Props;
  /** By property: urns of the resources that its value is made of. */
  dependencies: Record<string, string[]>;
  /** Properties of its provider. */
  provider?: Record<string, unknown>;
}

type Instance = typeof INSTANCE extends Kind<infer Props> ? Props : never;

/** One stack, as its policies look at it. */
export class Look {
  readonly names: Names;
  /** What a preview did not know, by path. */
  readonly unknown: string[] = [];

  constructor(
    readonly resources: readonly Resource[],
    readonly stack: StackName,
    readonly topology: Topology,
    private readonly config: Record<string, unknown> = {},
  ) {
    this.names = namesFor(topology, stack.environment);
  }

  /** The site whose stack it is. @default it is `edge` or `data` */
  get site(): { name: SiteName; names: SiteNames; definition: Site } | undefined {
    const definition = this.topology.sites[this.stack.part];
    return definition && { name: this.stack.part, names: this.names.site(this.stack.part), definition };
  }

  /** What the site does, by what its guard is told; a site without a guard is dormant. */
  get role(): Role {
    const guard = this.all(CONFIG_MAP).find(({ props }) => nameOf(props) === "guard");
    return (guard?.props.data?.["ROLE"] as Role | undefined) ?? "dormant";
  }

  /** Databases that the site works with, and those that it left and keeps: of those there is a snapshot. */
  get databases(): { live: Resource<Instance>[]; retained: Resource<Instance>[] } {
    const kept = new Set(this.all(SNAPSHOT).map(({ props }) => props.dbInstanceIdentifier));
    const all = this.all(INSTANCE);
    return {
      live: all.filter(({ props }) => !kept.has(props.identifier ?? "")),
      retained: all.filter(({ props }) => kept.has(props.identifier ?? "")),
    };
  }

  all<Props>({ token }: Kind<Props>): Resource<Props>[] {
    return this.resources.filter(({ type }) => type === token) as Resource<Props>[];
  }

  /** What `check` finds of each; one about which a preview knows too little keeps no other from being looked at. */
  each<One extends Resource>(resources: readonly One[], check: (resource: One) => (Finding | undefined)[]): Finding[] {
    return resources.flatMap((resource) => {
      try {
        return check(resource).filter((finding) => finding !== undefined);
      } catch (error) {
        if (!(error instanceof UnknownValueError)) throw error;
        this.unknown.push([resource.name, ...error.props].join("."));
        return [];
      }
    });
  }

  /** An option of the policy. */
  option<T>(name: string, otherwise: T): T {
    return (this.config[name] as T | undefined) ?? otherwise;
  }

  /**
   * Whether a property leads to a resource: by what it is made of, or, where a program wrote it down, by one of the values.
   * @param values what the property may be, where it is made of nothing
   */
  leadsTo(from: Resource, property: string, to: Resource, values: () => (string | undefined)[] = () => []): boolean {
    if (from.dependencies[property]?.includes(to.urn) === true) return true;
    const may = values();
    return may.length > 0 && may.includes(from.props[property] as string | undefined);
  }
}

/** What is wrong where a value is not as it is to be. */
export function unless(holds: boolean, resource: Resource, path: string, is: unknown, mayBe: string): Finding | undefined {
  return holds ? undefined : { urn: resource.urn, path: `${resource.name}.${path}`, is, mayBe };
}

/** Of a Kubernetes object. */
export function nameOf(props: { metadata?: unknown }): string | undefined {
  return (props.metadata as { name?: string } | undefined)?.name;
}

/** The statements of a policy document, each list as a list. */
export function statementsOf(document: unknown): Statement[] {
  const text =
    typeof document === "string" ? (JSON.parse(document) as { Statement: Raw | Raw[] }) : (document as { Statement: Raw | Raw[] });
  return list(text.Statement).map((raw) => ({
    sid: raw.Sid ?? "",
    allows: raw.Effect === "Allow",
    principal: raw.Principal,
    actions: list(raw.Action ?? []),
    resources: list(raw.Resource ?? []),
    condition: raw.Condition ?? {},
  }));
}

export interface Statement {
  sid: string;
  allows: boolean;
  principal: unknown;
  actions: string[];
  resources: string[];
  condition: Record<string, Record<string, string | string[]>>;
}

interface Raw {
  Sid?: string;
  Effect: string;
  Principal?: unknown;
  Action?: string | string[];
  Resource?: string | string[];
  Condition?: Statement["condition"];
}

export function list<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}
