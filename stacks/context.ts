import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Names } from "../topology/names";
import type { Topology } from "../topology/schema";

/** What every stack's program is given. */
export interface Context {
  topology: Topology;
  /** Part of the stack's name before the first dash: `production`. */
  environment: string;
  names: Names;
  /** @default none: the update goes through */
  gate?: Gate;
}

/**
 * Where a site's update may be held up: before the `database` and all else that a role changes, and before the `rest`. When
 * the first is refused, the update fails with nothing changed.
 */
export type Stage = "database" | "rest";

/**
 * Holds the update up that makes a site the active one. Whoever holds it promotes the database himself, so that the service
 * does not wait for the engine and the provider; the update leaves the database as it is, and a refresh tells the state.
 */
export interface Gate {
  /**
   * What no role changes and the database does without comes with the `rest`: in an unplanned move the least goes before
   * the first pod. Otherwise it comes before all, so that nothing of it is left to do while writes are paused.
   */
  podsFirst: boolean;
  /** Resolves when the update may go on. */
  before(stage: Stage): Promise<void>;
}

/**
 * The AWS provider of a stack; everything that it makes is tagged with whose it is. Endpoints and credentials come from
 * the environment, as for any AWS tool.
 * @param site the site, or the stack's part where it belongs to none
 */
export function regionProvider({ topology, environment }: Context, region: string, site: string): aws.Provider {
  return new aws.Provider("region", {
    region: region as aws.Region,
    defaultTags: { tags: { service: topology.service, environment, site, owner: topology.owner } },
  });
}

/** Another stack of the same environment. Never one whose state may be lost together with what is being recovered. */
export function otherStack({ environment }: Context, part: string): pulumi.StackReference {
  return new pulumi.StackReference(`${pulumi.getOrganization()}/${pulumi.getProject()}/${environment}-${part}`);
}
