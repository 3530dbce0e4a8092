package dev.ambit;

/** Says why a policy is not loaded. */
public final class LoadException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final String code;
    private final String admin;

    LoadException(String code, String admin) {
        super(admin + " (" + code + ")");
        this.code = code;
        this.admin = admin;
    }

    /** Stable: {@code module.signature}, {@code module.expired} … */
    public String code() {
        return code;
    }

    /** For operators. */
    public String admin() {
        return admin;
    }
}
