/** When a process of this machine began, in ticks since boot; with the number it names a process once and for all. Empty where it cannot be told. */
export function startTimeOf(pid: number): string;
/** Whether it still runs. */
export function processLives(owner: { pid: number; startTime: string }): boolean;
