/** Something of a stack that does not hold. */
export interface Finding {
  /** Of the resource; left out where it is about the stack. */
  urn?: string;
  /** `database-instance-1.multiAz`. */
  path: string;
  /** What it is. Never a secret. */
  is: unknown;
  /** What it may be. */
  mayBe: string;
}
