import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";

/** The engine that runs the plugin, as far as a plugin talks to it. */
export class Engine {
  private client: EngineClient | undefined;

  /** @param address `host:port`; a plugin gets it as its last argument. `undefined`: nobody listens */
  constructor(private readonly address: string | undefined) {}

  /** Shows a line beside the resource until the next one takes its place; it is no part of the final output. */
  status(urn: string, message: string): void {
    if (this.address === undefined) return;
    this.client ??= new EngineClient(this.address, grpc.credentials.createInsecure());
    const request = new LogRequest();
    request.setSeverity(LogSeverity.INFO);
    request.setUrn(urn);
    request.setMessage(message);
    request.setEphemeral(true);
    // A line that does not arrive is no reason to fail an update.
    this.client.log(request, () => undefined);
  }
}
