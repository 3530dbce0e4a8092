/** A chained audit log, signed. */
package dev.ambit.auditlog;
