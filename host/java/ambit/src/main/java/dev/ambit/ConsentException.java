package dev.ambit;

/** Says that a grant has no text, so that nobody can consent to it. */
public final class ConsentException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final String code;
    private final String at;

    ConsentException(String code, String at, String admin) {
        super(admin + " (" + code + ", at `" + at + "`)");
        this.code = code;
        this.at = at;
    }

    /** Stable: {@code describe.request} … */
    public String code() {
        return code;
    }

    /** What to mend. */
    public String at() {
        return at;
    }
}
