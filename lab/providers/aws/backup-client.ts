import { BackupClient, TagResourceCommand, UntagResourceCommand } from "@aws-sdk/client-backup";
import type { Aws } from "./aws";
import { tagChanges, type Tags } from "./tags";

export const backup = (aws: Aws): BackupClient => aws.client(BackupClient);

/** How the service says that a vault, plan or selection is not there. */
export const GONE = "ResourceNotFoundException";

export async function retag(
  aws: Aws,
  arn: string | undefined,
  olds: { tagsAll?: Tags | undefined },
  news: { tagsAll?: Tags | undefined },
): Promise<void> {
  const changes = tagChanges(olds, news);
  if (changes === undefined) return;
  if (changes.remove.length > 0) await backup(aws).send(new UntagResourceCommand({ ResourceArn: arn, TagKeyList: changes.remove }));
  if (Object.keys(changes.set).length > 0) await backup(aws).send(new TagResourceCommand({ ResourceArn: arn, Tags: changes.set }));
}
