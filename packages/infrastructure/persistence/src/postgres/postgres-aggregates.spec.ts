// Both families of aggregates keep the contract of aggregate stores over PostgreSQL.
import { describePostgresAggregates } from './postgres-aggregates-under-test.ts';
import { postgresUnderTest } from './postgres-under-test.ts';

describePostgresAggregates(postgresUnderTest);
