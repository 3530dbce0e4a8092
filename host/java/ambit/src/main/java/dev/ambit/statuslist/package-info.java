/** The status of tokens. */
package dev.ambit.statuslist;
