import type { EngineEvent } from "@pulumi/pulumi/automation";
import { nameOf } from "./urn";

/** What one resource went through, or would go through. */
export interface Operation {
  /** `secondary`, `data`, ... */
  part: string;
  urn: string;
  type: string;
  /** `create`, `update`, `replace`, `delete`, `same`, ... as Pulumi names them. */
  op: string;
  /** Names of the properties that differ. */
  changes: string[];
}

/** What a policy says of a stack, or of one resource of it. */
export interface Judgement {
  policy: string;
  urn?: string;
  level: "mandatory" | "advisory";
  message: string;
}

/** A resource began or ended its operation. */
export interface ResourceEvent {
  phase: "start" | "end" | "failed";
  urn: string;
  type: string;
  name: string;
  op: string;
}

/** Gathers what engine events say about resources and errors. */
export class Collector {
  readonly operations: Operation[] = [];
  readonly diagnostics: string[] = [];
  readonly judgements: Judgement[] = [];
  private readonly ops = new Map<string, string>();
  private heard = false;

  constructor(
    private readonly part: string,
    private readonly onResource?: (event: ResourceEvent) => void,
    private readonly onFirst?: () => void,
  ) {}

  readonly take = (event: EngineEvent): void => {
    if (!this.heard) this.onFirst?.();
    this.heard = true;
    const pre = event.resourcePreEvent?.metadata;
    if (pre && pre.type !== "pulumi:pulumi:Stack") {
      this.ops.set(pre.urn, pre.op);
      this.operations.push({ part: this.part, urn: pre.urn, type: pre.type, op: pre.op, changes: pre.diffs ?? [] });
      this.emit("start", pre.urn, pre.type, pre.op);
    }
    const done = event.resOutputsEvent?.metadata;
    if (done && done.type !== "pulumi:pulumi:Stack") this.emit("end", done.urn, done.type, done.op);
    const failed = event.resOpFailedEvent?.metadata;
    if (failed) this.emit("failed", failed.urn, failed.type, failed.op);
    const policy = event.policyEvent;
    if (policy) {
      const { policyName, resourceUrn, enforcementLevel, message } = policy;
      const level = enforcementLevel === "mandatory" ? ("mandatory" as const) : ("advisory" as const);
      this.judgements.push({ policy: policyName, level, message: plain(message), ...(resourceUrn ? { urn: resourceUrn } : {}) });
    }
    const diagnostic = event.diagnosticEvent;
    if (diagnostic?.severity === "error") {
      const text = plain(diagnostic.message);
      const about = diagnostic.urn ? `${nameOf(diagnostic.urn)}: ` : "";
      // The stack's own "update failed" says nothing that the resource's diagnostic has not said.
      if (text !== "" && text !== "update failed" && text !== "preview failed") this.diagnostics.push(about + text);
    }
  };

  private emit(phase: ResourceEvent["phase"], urn: string, type: string, op: string): void {
    this.onResource?.({ phase, urn, type, name: nameOf(urn), op });
  }
}

/** Without the engine's marks for colours. */
function plain(message: string): string {
  return message.replace(/<\{%[^%]*%\}>/g, "").trim();
}
