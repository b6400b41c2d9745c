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

export interface DatabaseArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** Counts the site's databases, from 1. A new one is a new instance, whatever became of the old. */
  generation: number;
  /**
   * ARN of the database that this one streams from: the site is a standby. Leaving it out makes the site a writer;
   * leaving it out where it was set promotes the instance in place.
   */
  replicaOf?: string;
  /**
   * Set for a database that was created empty, never for one that began as a replica: to give these later, at the
   * promotion, would replace the instance.
   */
  origin?: DatabaseOrigin;
  /** PostgreSQL version, as in `15.8`. A replica has its source's; here it tells the family of the parameter group. */
  engineVersion: string;
  /** RDS class, as in `db.r6g.large`. */
  instanceClass: string;
  /** How long automated backups are kept, in days, 1 to 35. */
  backupRetentionDays: number;
  subnetIds: pulumi.Input<string>[];
  securityGroupId: pulumi.Input<string>;
  /** Key of this site's region: a copy is encrypted anew where it arrives. */
  keyArn: pulumi.Input<string>;
}

/**
 * The site's PostgreSQL on RDS: the writer, or a replica of another region's.
 *
 * A standby has everything that a writer has (two zones, backups, deletion protection), so that `replicateSourceDb` is
 * the only argument that a promotion changes. Changing any of the others then would cost time, and perhaps a restart,
 * when there is none to spare.
 */
export class Database extends pulumi.ComponentResource {
  readonly identifier: pulumi.Output<string>;
  readonly arn: pulumi.Output<string>;
  /** Host name. The same before and after a promotion. */
  readonly address: pulumi.Output<string>;
  readonly port: pulumi.Output<number>;

  constructor(name: string, args: DatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Database", name, {}, opts);
    const { names, generation, replicaOf, origin, engineVersion } = args;
    const [major = engineVersion] = engineVersion.split(".");
    const identifier = names.database(generation);
    const parent = { parent: this };

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
        description: "TLS 1.3 and nothing else",
        parameters: [
          { name: "rds.force_ssl", value: "1" },
          { name: "ssl_min_protocol_version", value: "TLSv1.3" },
        ],
      },
      parent,
    );

    const instance = new aws.rds.Instance(
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
        deletionProtection: true,
        skipFinalSnapshot: false,
        finalSnapshotIdentifier: `${identifier}-final`,
        ...(replicaOf !== undefined && { replicateSourceDb: replicaOf }),
        ...(origin && {
          engine: "postgres",
          engineVersion,
          dbName: origin.databaseName,
          allocatedStorage: origin.storageGb,
          username: DATABASE_ADMIN,
          password: origin.password,
        }),
      },
      parent,
    );

    this.identifier = instance.identifier;
    this.arn = instance.arn;
    this.address = instance.address;
    this.port = instance.port;
    this.registerOutputs({ identifier: this.identifier, arn: this.arn, address: this.address, port: this.port });
  }
}
