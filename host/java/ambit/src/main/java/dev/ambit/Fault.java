package dev.ambit;

/** The code gave no answer; {@code code} is the reason of the denial in its place. */
final class Fault extends RuntimeException {
    private static final long serialVersionUID = 1;
    final String code;

    Fault(String code, String what) {
        super(what);
        this.code = code;
    }

    static Fault trap(String what) {
        return new Fault("engine.trap", what);
    }

    static Fault resources(String what) {
        return new Fault("engine.resources", what);
    }
}
