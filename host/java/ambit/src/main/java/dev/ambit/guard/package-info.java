/** Asks a policy about one call, whatever it came through. */
package dev.ambit.guard;
