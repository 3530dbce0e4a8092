package dev.ambit.guard;

import dev.ambit.Request;

/** One call. {@code args} is the text of a JSON object: it is judged as it came. */
public record Call(String action, String power, Request.Thing resource, String purpose, String args, Shown shown) {}
