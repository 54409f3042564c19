import { readFileSync, writeFileSync } from 'node:fs';

/** Resident memory of a process, as Linux counts it. */
export function residentKilobytes(pid: number): number {
  return statusKilobytes(pid, 'VmRSS');
}

/** The most resident memory a process has had since `forgetPeak`, or since it was started. */
export function peakKilobytes(pid: number): number {
  return statusKilobytes(pid, 'VmHWM');
}

/** Lets the kernel count the peak anew. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function statusKilobytes(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
}
