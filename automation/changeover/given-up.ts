import { Stopped } from "../errors";

/** A changeover was given up on the way, and all is as it was before. */
export class GivenUp extends Stopped {
  constructor(message: string, next: string, options?: ErrorOptions) {
    super(message, next, options);
    this.name = "GivenUp";
  }
}
