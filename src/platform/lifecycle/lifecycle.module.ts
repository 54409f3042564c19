import { Module } from '@nestjs/common';
import { ShutdownDeadline } from './shutdown-deadline.js';

@Module({ providers: [ShutdownDeadline] })
export class LifecycleModule {}
