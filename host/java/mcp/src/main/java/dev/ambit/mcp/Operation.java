package dev.ambit.mcp;

import dev.ambit.Request;

/**
 * What a tool does.
 *
 * @param resource the thing that is acted on; with <code>{name}</code> as its identifier it is the argument of this name, a text
 */
public record Operation(String action, String power, Request.Thing resource, String purpose) {}
