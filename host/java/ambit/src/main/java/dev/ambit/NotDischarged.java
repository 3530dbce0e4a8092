package dev.ambit;

/**
 * Says why an obligation was not done, by the code of a reason where {@code obligation.failed} is not precise ({@code null}).
 * Its message is for operators.
 */
public final class NotDischarged extends Exception {
    private static final long serialVersionUID = 1;
    private final String code;

    public NotDischarged(String code, String detail) {
        super(detail);
        this.code = code;
    }

    /** The code of a reason, or {@code null}. */
    public String code() {
        return code;
    }
}
