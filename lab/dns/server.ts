import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { Endpoint } from "../world";
import type { Answer } from "./answer";
import { reply } from "./wire";

/** What a resolver takes over UDP unless it says more (RFC 1035). */
const UDP_LIMIT = 512;

const TCP_IDLE_MS = 10_000;

/**
 * Serves names over UDP and TCP.
 * @returns ends both
 * @throws where the address is taken
 */
export async function serveDns(endpoint: Endpoint, resolve: (name: string, type: string) => Answer): Promise<() => Promise<void>> {
  const udp = createSocket("udp4");
  udp.on("message", (message, from) => {
    const answer = reply(message, resolve, UDP_LIMIT);
    if (answer !== undefined) udp.send(answer, from.port, from.address);
  });
  udp.bind(endpoint.port, endpoint.host);
  await once(udp, "listening");
  // A reply to a client that has gone comes back as an error of this socket; there is nobody left to tell.
  udp.on("error", () => undefined);

  const open = new Set<Socket>();
  const tcp = createServer((socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    let held = Buffer.alloc(0);
    socket.on("data", (part: Buffer) => {
      held = Buffer.concat([held, part]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const length = held.readUInt16BE(0);
        const answer = reply(held.subarray(2, 2 + length), resolve);
        held = held.subarray(2 + length);
        if (answer === undefined) return void socket.destroy();
        const frame = Buffer.alloc(2 + answer.length);
        frame.writeUInt16BE(answer.length);
        answer.copy(frame, 2);
        socket.write(frame);
      }
    });
  });
  tcp.listen(endpoint.port, endpoint.host);
  try {
    await once(tcp, "listening");
  } catch (error) {
    udp.close();
    throw error;
  }
  return async () => {
    for (const socket of open) socket.destroy();
    const closed = Promise.all([once(udp, "close"), once(tcp, "close")]);
    udp.close();
    tcp.close();
    await closed;
  };
}
