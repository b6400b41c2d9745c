import * as pulumi from "@pulumi/pulumi";
import { BadInput } from "../topology/errors";
import { program, type Outputs } from "./program";

/** What `pulumi up` runs, by way of index.ts. A wrong input is told in its own words, without the stack trace of a fault of the program. */
export async function main(): Promise<Outputs> {
  try {
    return await program();
  } catch (error) {
    throw error instanceof BadInput ? new pulumi.RunError(error.message) : error;
  }
}
