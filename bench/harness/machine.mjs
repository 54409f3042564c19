// What else the machine did while something was measured, and what the kernel holds for sockets.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK']).toString());
const PAGE_BYTES = Number(execFileSync('getconf', ['PAGESIZE']).toString());

export function describeMachine() {
  const [cpu] = cpus();
  return `${cpus().length} × ${cpu.model.trim()}, Linux ${release()}, Node ${process.versions.node}`;
}

/** Measures the share of all cores that other processes took between now and `share()`. */
export class OtherLoad {
  #pids;
  #began = performance.now();
  #busy = busySeconds();
  #ours;

  /** @param {number[]} pids the processes that take part in the measurement */
  constructor(pids) {
    this.#pids = [process.pid, ...pids];
    this.#ours = this.#ourSeconds();
  }

  /** CPU time of others, as a share of the wall clock of all cores: 0 to 1. */
  share() {
    const seconds = (performance.now() - this.#began) / 1000;
    const others = busySeconds() - this.#busy - (this.#ourSeconds() - this.#ours);
    return Math.max(0, others / seconds / cpus().length);
  }

  /** CPU seconds that a process has used. */
  static secondsOf(pid) {
    return processSeconds(pid);
  }

  #ourSeconds() {
    return this.#pids.reduce((sum, pid) => sum + processSeconds(pid), 0);
  }
}

/** Bytes the kernel holds in TCP buffers of all sockets, both ends of every loopback connection included. */
export function kernelSocketBytes() {
  const pages = /^TCP:.* mem (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1];
  return Number(pages ?? 0) * PAGE_BYTES;
}

/** Largest number of descriptors this process, and so a child of it, may open. */
export function descriptorLimit() {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024);
}

function busySeconds() {
  const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .split(/\s+/)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

function processSeconds(pid) {
  // The command's name may contain spaces; the numbers begin after its closing parenthesis.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
