import type { KubernetesApi, KubernetesObject } from "./api";

type Change<T> = (object: T, change: "set" | "gone") => void;

/** What the lab knows of one collection, kept up by a watch. Outlives outages, so that what vanished meanwhile is told. */
export class Store<T extends KubernetesObject> {
  private readonly objects = new Map<string, T>();
  private readonly listeners: Change<T>[] = [];

  /** @param path of the collection, as in `/api/v1/pods` */
  constructor(private readonly path: string) {}

  listen(listener: Change<T>): void {
    this.listeners.push(listener);
  }

  get(namespace: string, name: string): T | undefined {
    return this.objects.get(`${namespace}/${name}`);
  }

  all(): T[] {
    return [...this.objects.values()];
  }

  /** Runs until `signal` aborts. @param trouble is told when the watch broke; it goes on by itself */
  follow(api: KubernetesApi, signal: AbortSignal, trouble: (message: string) => void): Promise<void> {
    return api.follow<T>(
      this.path,
      {
        replace: (objects) => {
          const present = new Set(objects.map(uidOf));
          for (const object of this.all()) if (!present.has(uidOf(object))) this.remove(object);
          // All are known before anyone is told of one.
          for (const object of objects) if (this.objects.get(keyOf(object)) === undefined) this.objects.set(keyOf(object), object);
          for (const object of objects) this.set(object);
        },
        set: (object) => {
          this.set(object);
        },
        remove: (object) => {
          this.remove(object);
        },
        trouble: (error) => {
          trouble(`${this.path}: ${error.message}`);
        },
      },
      signal,
    );
  }

  private set(object: T): void {
    const before = this.objects.get(keyOf(object));
    if (before !== undefined && uidOf(before) !== uidOf(object)) this.remove(before);
    this.objects.set(keyOf(object), object);
    for (const listener of this.listeners) listener(object, "set");
  }

  private remove(object: T): void {
    if (uidOf(this.objects.get(keyOf(object))) === uidOf(object)) this.objects.delete(keyOf(object));
    for (const listener of this.listeners) listener(object, "gone");
  }
}

function keyOf(object: KubernetesObject): string {
  return `${object.metadata?.namespace ?? ""}/${object.metadata?.name ?? ""}`;
}

function uidOf(object: KubernetesObject | undefined): string | undefined {
  return object?.metadata?.uid;
}
