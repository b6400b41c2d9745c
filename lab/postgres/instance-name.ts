/** How one instance is told from all others. */
export interface InstanceName {
  region: string;
  /** `DBInstanceIdentifier`, in lower case. */
  id: string;
}

const ARN = /^arn:aws[a-z-]*:rds:([a-z0-9-]+):\d{12}:db:(.+)$/;

/** Names an instance that is given as an identifier of `region` or as an ARN. */
export function parseIdentifier(region: string, identifier: string): InstanceName {
  const [, arnRegion, id] = ARN.exec(identifier) ?? [];
  return arnRegion !== undefined && id !== undefined
    ? { region: arnRegion, id: id.toLowerCase() }
    : { region, id: identifier.toLowerCase() };
}
