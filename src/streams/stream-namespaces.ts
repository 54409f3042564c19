import { Injectable } from '@nestjs/common';
import type { StreamNamespace } from './stream-reader.js';

/** The namespaces that no stream can be created in: features that keep logs of their own show them there. */
@Injectable()
export class StreamNamespaces {
  private readonly namespaces = new Map<string, StreamNamespace>();

  /** @param segment the first one of the paths */
  register(segment: string, namespace: StreamNamespace): void {
    this.namespaces.set(segment, namespace);
  }

  /** @returns undefined for the path of a stream that is kept here */
  find(path: string): { readonly namespace: StreamNamespace; readonly id: string } | undefined {
    const slash = path.indexOf('/');
    const namespace = this.namespaces.get(slash < 0 ? path : path.slice(0, slash));
    return namespace && { namespace, id: slash < 0 ? '' : path.slice(slash + 1) };
  }
}
