/** A refusal of AWS Backup, which its client reads as an error of that name. */
export class BackupFault extends Error {
  constructor(
    readonly code:
      | "AlreadyExistsException"
      | "InvalidParameterValueException"
      | "InvalidRequestException"
      | "MissingParameterValueException"
      | "ResourceNotFoundException",
    message: string,
  ) {
    super(message);
  }
}

/** @throws BackupFault where a parameter is missing */
export function given<T>(value: T | undefined | null, name: string): T {
  if (value === undefined || value === null || value === "") throw new BackupFault("MissingParameterValueException", `${name} is missing.`);
  return value;
}
