import { request as http } from "node:http";
import { request as https } from "node:https";
import { connect } from "node:net";
import type { IntOrString, V1ContainerPort, V1Probe } from "@kubernetes/client-node";

/** One attempt. @returns what came of it; `refused`: nothing listens there (yet) */
export type Attempt = "success" | "failure" | "refused";

/** Tries a container's HTTP or TCP probe once, on a connection of its own as the kubelet does. Never rejects. */
export function attemptProbe(probe: V1Probe, ports: V1ContainerPort[], podIP: string, timeoutMs: number): Promise<Attempt> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => {
      resolve((error as NodeJS.ErrnoException).code === "ECONNREFUSED" ? "refused" : "failure");
    };
    if (probe.tcpSocket !== undefined) {
      const socket = connect({ host: probe.tcpSocket.host ?? podIP, port: portNumber(probe.tcpSocket.port, ports) });
      socket.setTimeout(timeoutMs, () => socket.destroy(new Error("timeout")));
      socket.once("error", failed);
      socket.once("connect", () => {
        resolve("success");
        socket.destroy();
      });
      return;
    }
    const { httpGet } = probe;
    if (httpGet === undefined) {
      resolve("failure");
      return;
    }
    const send = httpGet.scheme === "HTTPS" ? https : http;
    const request = send({
      host: httpGet.host ?? podIP,
      port: portNumber(httpGet.port, ports),
      path: httpGet.path ?? "/",
      headers: {
        "user-agent": "kube-probe/lab",
        ...Object.fromEntries((httpGet.httpHeaders ?? []).map(({ name, value }) => [name, value])),
      },
      agent: false,
      rejectUnauthorized: false,
    });
    const timer = setTimeout(() => request.destroy(new Error("timeout")), timeoutMs);
    request.once("error", (error) => {
      clearTimeout(timer);
      failed(error);
    });
    request.once("response", (response) => {
      clearTimeout(timer);
      response.on("error", () => undefined).resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400 ? "success" : "failure");
    });
    request.end();
  });
}

function portNumber(port: IntOrString, ports: V1ContainerPort[]): number {
  if (typeof port === "number") return port;
  return ports.find((p) => p.name === port)?.containerPort ?? Number(port);
}
