import { GetRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { url, type World } from "../world";
import { BackupFault } from "./fault";

/** Whether AWS Backup may take on the roles that it is given. What they may do, the lab does not check. */
export class Roles {
  private readonly iam: IAMClient;

  constructor(world: Pick<World, "moto">) {
    this.iam = new IAMClient({
      region: "us-east-1",
      endpoint: url(world.moto),
      credentials: { accessKeyId: "lab", secretAccessKey: "lab" },
      maxAttempts: 1,
    });
  }

  /** @throws BackupFault for a role that is not there, or not for AWS Backup */
  async check(arn: string): Promise<void> {
    const refused = new BackupFault("InvalidParameterValueException", `IAM Role ${arn} cannot be assumed by AWS Backup.`);
    const [, name] = /^arn:aws:iam::\d{12}:role\/(?:.*\/)?([\w+=,.@-]+)$/.exec(arn) ?? [];
    if (name === undefined) throw refused;
    try {
      const { Role } = await this.iam.send(new GetRoleCommand({ RoleName: name }));
      if (!decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "").includes('"backup.amazonaws.com"')) throw refused;
    } catch (error) {
      throw (error as Error).name === "NoSuchEntityException" ? refused : error;
    }
  }

  close(): void {
    this.iam.destroy();
  }
}
