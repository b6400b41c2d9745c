/** Whether an ARN is within an IAM pattern with stars. */
export function matches(pattern: string, arn: string): boolean {
  return new RegExp(
    `^${pattern
      .split("*")
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*")}$`,
  ).test(arn);
}
