import { OpstreamError } from '../platform/errors/opstream-error.js';
import type { StreamUsage } from './stream-store.js';

/** Bounds of what is stored, in bytes of content. */
export interface StreamLimits {
  readonly maxStreamBytes: number;
  readonly maxTenantBytes: number;
  /** Of all tenants. */
  readonly maxTotalBytes: number;
  readonly maxStreamsPerTenant: number;
}

export interface Growth {
  /** By the tenant, before. */
  readonly used: StreamUsage;
  /** Bytes of all tenants, before. */
  readonly total: number;
  readonly added: number;
  /** Bytes of the stream, before. */
  readonly stream: number;
  readonly opens: boolean;
}

/** @throws OpstreamError `quota_exceeded` that names the setting */
export function checkQuota(limits: StreamLimits, { used, total, added, stream, opens }: Growth): void {
  if (opens && used.streams >= limits.maxStreamsPerTenant)
    throw exceeded('The tenant has MAX_STREAMS_PER_TENANT streams; delete some first');
  if (added === 0) return;
  if (stream + added > limits.maxStreamBytes) throw exceeded('The stream would exceed MAX_STREAM_BYTES');
  if (used.bytes + added > limits.maxTenantBytes)
    throw exceeded('The streams of the tenant would exceed MAX_TENANT_STREAM_BYTES');
  if (total + added > limits.maxTotalBytes) throw exceeded('All streams would exceed MAX_TOTAL_STREAM_BYTES');
}

const exceeded = (message: string): OpstreamError => new OpstreamError('quota_exceeded', message);
