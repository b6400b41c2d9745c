import { AddTagsToResourceCommand, RDSClient, RemoveTagsFromResourceCommand } from "@aws-sdk/client-rds";
import type { Aws } from "./aws";
import { tagChanges, tagList, type Tags } from "./tags";

export const rds = (aws: Aws): RDSClient => aws.client(RDSClient);

export async function retag(
  aws: Aws,
  arn: string | undefined,
  olds: { tagsAll?: Tags | undefined },
  news: { tagsAll?: Tags | undefined },
): Promise<void> {
  const changes = tagChanges(olds, news);
  if (changes === undefined) return;
  if (changes.remove.length > 0) await rds(aws).send(new RemoveTagsFromResourceCommand({ ResourceName: arn, TagKeys: changes.remove }));
  if (Object.keys(changes.set).length > 0) {
    await rds(aws).send(new AddTagsToResourceCommand({ ResourceName: arn, Tags: tagList(changes.set) }));
  }
}
