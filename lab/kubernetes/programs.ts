import { url, type World } from "../world";

/** Files of the bundled programs that stand in for images. */
export interface Programs {
  service: string;
  guard: string;
}

/** What a container without a command of its own runs: the guard for an image of that name, else the service. */
export function programOf(image: string | undefined, programs: Programs): string {
  const repository = (image ?? "").replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  return repository.split("/").at(-1) === "guard" ? programs.guard : programs.service;
}

/**
 * What a cluster's identity agent adds to the environment of pods by their service account, as EKS Pod Identity does by
 * the cluster's associations: here the guard's alone. The lab's own keys stand for a role's short-lived ones.
 */
export function identityOf(serviceAccount: string | undefined, { aws }: Pick<World, "aws">): Record<string, string> {
  if (serviceAccount !== "guard") return {};
  return { AWS_ENDPOINT_URL: url(aws), AWS_ACCESS_KEY_ID: "lab", AWS_SECRET_ACCESS_KEY: "lab" };
}
