import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Aws } from "../../../lab/providers/aws/aws";

/** Starts a test's own server and points AWS at it. */
export async function serveAws(server: Server): Promise<Aws> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.env.AWS_ENDPOINT_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env.AWS_ACCESS_KEY_ID = "lab";
  process.env.AWS_SECRET_ACCESS_KEY = "lab";
  return new Aws("eu-west-1", {});
}

export async function endAws(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  delete process.env.AWS_ENDPOINT_URL;
}
