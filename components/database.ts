import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { DATABASE_ADMIN, type SiteNames } from "../topology/names";

/** What only the first database of a service is given; every other one has it from the one that it was copied from. */
export interface DatabaseOrigin {
  /** Name of the database inside. */
  databaseName: string;
  /** Size in GiB. */
  storageGb: number;
  /** Password of the master user. */
  password: pulumi.Input<string>;
}

/** One of the site's databases. */
export interface Generation {
  /** Counts the site's databases, from 1. A new one is a new instance, whatever became of the old. */
  generation: number;
  /**
   * Set for a database that was created empty, never for one that began as a replica: to give these later, at the
   * promotion, would replace the instance.
   */
  origin?: DatabaseOrigin;
}

/** The database that a site works with. */
export interface LiveDatabase extends Generation {
  /**
   * ARN of the database that this one streams from: the site is a standby. Leaving it out makes the site a writer;
   * leaving it out where it was set promotes the instance in place.
   */
  replicaOf?: string;
  /**
   * A replica is promoted by somebody else meanwhile: a source that is left out changes nothing here. @default false
   */
  promotedElsewhere?: boolean;
  /**
   * It exists already, made by a restore, and is taken over as it is: AWS's number of it, as in `db-ABCDEFGHIJKL`. Its name would
   * not do: the provider numbers instances, and Pulumi would import it at each update anew, and mark what it has for deletion.
   * @default it is created
   */
  adopted?: string;
  /** Snapshot of this region that it is made from, where it does not exist yet; once it does, that counts for nothing. @default none */
  snapshot?: string;
}

/** A database that lost the role `active` and is kept: what it acknowledged and never sent on is only there. */
export interface RetainedDatabase extends Generation {
  /** Its protection is taken away, so that it may be deleted when it is left out. @default false */
  discard?: boolean;
}

/** How the database that a site works with is found. */
export interface CurrentDatabase {
  identifier: pulumi.Output<string>;
  arn: pulumi.Output<string>;
  /** Host name. The same before and after a promotion. */
  address: pulumi.Output<string>;
  port: pulumi.Output<number>;
}

/** How a retained database is found. */
export interface RetainedOutput {
  generation: number;
  identifier: pulumi.Output<string>;
  address: pulumi.Output<string>;
  port: pulumi.Output<number>;
  /** Whether its protection is gone. */
  discard: boolean;
}

export interface DatabaseArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** @default none: the site is fenced and has retained ones only, or is dormant */
  live?: LiveDatabase;
  /** In ascending order. @default none */
  retained?: RetainedDatabase[];
  /** PostgreSQL version, as in `15.8`. A replica has its source's; here it tells the family of the parameter group. */
  engineVersion: string;
  /** How long a session may idle, in milliseconds: as long as the guard's word is good for. */
  leaseMs: number;
  /** RDS class, as in `db.r6g.large`. */
  instanceClass: string;
  /** How long automated backups are kept, in days, 1 to 35. */
  backupRetentionDays: number;
  subnetIds: pulumi.Input<string>[];
  securityGroupId: pulumi.Input<string>;
  /** Key of this site's region: a copy is encrypted anew where it arrives. */
  keyArn: pulumi.Input<string>;
}

/** What RDS does not tell of an instance, or tells otherwise until the next update: an import would not agree with the program on it. */
const NOT_READ_BACK = ["applyImmediately", "skipFinalSnapshot", "finalSnapshotIdentifier", "tags", "tagsAll"];

/**
 * The site's PostgreSQL on RDS: the writer, or a replica of another region's, and beside it what the site wrote before.
 *
 * A standby has everything that a writer has (two zones, backups, deletion protection), so that `replicateSourceDb` is
 * the only argument that a promotion changes. Changing any of the others then would cost time, and perhaps a restart,
 * when there is none to spare. Losing the role `active` changes no argument at all: the instance stays what it is, and
 * a snapshot of it is taken.
 */
export class Database extends pulumi.ComponentResource {
  /** The live database, or the newest retained one of a fenced site; `undefined` at a dormant site, which has the groups alone. */
  readonly current: CurrentDatabase | undefined;
  /** What a database of this site is made in, also one that is made by hand. */
  readonly groups: { subnets: pulumi.Output<string>; parameters: pulumi.Output<string> };
  /** In ascending order. */
  readonly retained: RetainedOutput[];
  /** Snapshots of the retained ones; they are done when the copies are complete. */
  readonly snapshots: aws.rds.Snapshot[];

  constructor(name: string, args: DatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Database", name, {}, opts);
    const { names, live, retained = [], engineVersion } = args;
    const [major = engineVersion] = engineVersion.split(".");
    const parent = { parent: this };
    const newest = live ?? retained.at(-1);

    const subnets = new aws.rds.SubnetGroup(
      `${name}-subnets`,
      { name: names.prefix, description: `Private subnets of ${names.prefix}`, subnetIds: args.subnetIds },
      parent,
    );
    const parameters = new aws.rds.ParameterGroup(
      `${name}-parameters`,
      {
        name: `${names.prefix}-postgres${major}`,
        family: `postgres${major}`,
        // RDS cannot change it: another text would replace the group of every deployed site.
        description: "TLS 1.3 and nothing else",
        parameters: [
          { name: "rds.force_ssl", value: "1" },
          { name: "ssl_min_protocol_version", value: "TLSv1.3" },
          // A session that outlived an outage would write past the guard, which only watches who logs in.
          { name: "idle_session_timeout", value: String(args.leaseMs) },
          { name: "idle_in_transaction_session_timeout", value: String(args.leaseMs) },
          // When data were damaged can be asked of the rows themselves. Static: an instance that is there already has it from its next restart.
          { name: "track_commit_timestamp", value: "1", applyMethod: "pending-reboot" },
        ],
      },
      parent,
    );

    const instance = (one: LiveDatabase & RetainedDatabase): aws.rds.Instance => {
      const { generation, origin, replicaOf, promotedElsewhere = false, adopted, snapshot, discard = false } = one;
      const identifier = names.database(generation);
      return new aws.rds.Instance(
        `${name}-instance-${generation}`,
        {
          identifier,
          instanceClass: args.instanceClass,
          storageType: "gp3",
          storageEncrypted: true,
          kmsKeyId: args.keyArn,
          multiAz: true,
          dbSubnetGroupName: subnets.name,
          vpcSecurityGroupIds: [args.securityGroupId],
          parameterGroupName: parameters.name,
          backupRetentionPeriod: args.backupRetentionDays,
          copyTagsToSnapshot: true,
          // A new version is a change like any other: previewed, and at the standby first.
          autoMinorVersionUpgrade: false,
          // Or a promotion would wait for the maintenance window.
          applyImmediately: true,
          deletionProtection: !discard,
          // Its snapshot exists since the site left it.
          skipFinalSnapshot: discard,
          finalSnapshotIdentifier: `${identifier}-final`,
          ...(replicaOf !== undefined && { replicateSourceDb: replicaOf }),
          ...(snapshot !== undefined && { snapshotIdentifier: snapshot }),
          ...(origin && {
            engine: "postgres",
            engineVersion,
            dbName: origin.databaseName,
            allocatedStorage: origin.storageGb,
            username: DATABASE_ADMIN,
            password: origin.password,
          }),
        },
        adopted !== undefined
          ? { ...parent, import: adopted, ignoreChanges: NOT_READ_BACK }
          : {
              ...parent,
              ignoreChanges: [
                ...(promotedElsewhere ? ["replicateSourceDb"] : []),
                ...(snapshot === undefined ? [] : ["snapshotIdentifier"]),
              ],
            },
      );
    };
    const left = retained.map((one) => ({
      generation: one.generation,
      discard: one.discard ?? false,
      // One that was a replica of what was left before it stays one: to be kept is no promotion.
      instance: instance({ ...one, promotedElsewhere: true }),
    }));
    this.snapshots = left.map(
      ({ generation, instance: { identifier } }) =>
        new aws.rds.Snapshot(
          `${name}-left-${generation}`,
          { dbInstanceIdentifier: identifier, dbSnapshotIdentifier: `${names.database(generation)}-left` },
          // It outlives the instance, and this stack's interest in it.
          { ...parent, retainOnDelete: true },
        ),
    );

    this.current = newest && (left.find(({ generation }) => generation === newest.generation)?.instance ?? instance(newest));
    this.groups = { subnets: subnets.name, parameters: parameters.name };
    this.retained = left.map(({ instance: { identifier, address, port }, ...one }) => ({ ...one, identifier, address, port }));
    const { identifier, arn, address, port } = this.current ?? {};
    this.registerOutputs({ identifier, arn, address, port, retained: this.retained });
  }
}
