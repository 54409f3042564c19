import { Injectable } from '@nestjs/common';
import type { Connection } from '../socket/connection.js';
import { AgentRoom } from './agent-room.js';

/** The agents and connections of every tenant, on this node. */
@Injectable()
export class AgentRooms {
  private readonly rooms = new Map<string, AgentRoom>();

  enter(connection: Connection): AgentRoom {
    const { tenant } = connection.principal;
    const room = this.rooms.get(tenant) ?? new AgentRoom();
    this.rooms.set(tenant, room);
    room.enter(connection);
    return room;
  }

  leave(connection: Connection): void {
    const { tenant } = connection.principal;
    const room = this.rooms.get(tenant);
    room?.leave(connection);
    if (room?.size === 0) this.rooms.delete(tenant);
  }

  of(tenant: string): AgentRoom | undefined {
    return this.rooms.get(tenant);
  }

  /** Connections of all tenants. */
  get connections(): number {
    let sum = 0;
    for (const room of this.rooms.values()) sum += room.size;
    return sum;
  }

  /** Number of agents of all tenants, by status. */
  countByStatus(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const room of this.rooms.values()) {
      for (const status of room.statuses()) counts.set(status, (counts.get(status) ?? 0) + 1);
    }
    return counts;
  }
}
