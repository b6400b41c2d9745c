/** Calls `act` at each Ctrl-C and SIGTERM, in place of ending the process. @returns lets go of them */
export function onInterrupt(act: () => void): () => void {
  // `on`, not `once`: libraries that clean up at exit end the process when no other listener is left.
  process.on("SIGINT", act);
  process.on("SIGTERM", act);
  return () => {
    process.removeListener("SIGINT", act);
    process.removeListener("SIGTERM", act);
  };
}
