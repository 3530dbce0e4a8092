package dev.ambit.guard;

import java.util.Arrays;
import java.util.List;

/**
 * What whoever calls has shown: token, proof of possession, receipts; and to which method and URL. What was not shown is
 * {@code null}, or empty.
 */
public record Shown(String token, String proof, List<String> approvals, String method, String url) {
    /** The header that brings receipts of people's yes, several with commas between them or in several headers. */
    public static final String APPROVAL = "Ambit-Approval";

    public Shown {
        approvals = List.copyOf(approvals);
    }

    /**
     * Reads what is shown over HTTP: all values of the headers {@code Authorization}, {@code DPoP} and {@link #APPROVAL}.
     *
     * @throws IllegalArgumentException if one of the first two came twice, which could mean two things to two readers
     */
    public static Shown of(List<String> authorization, List<String> proof, List<String> approvals, String method, String url) {
        if (authorization.size() > 1 || proof.size() > 1) {
            throw new IllegalArgumentException("the header `Authorization` or `DPoP` came twice");
        }
        String[] words = String.join("", authorization).split(" ", 2);
        boolean isToken = words.length == 2 && (words[0].equalsIgnoreCase("DPoP") || words[0].equalsIgnoreCase("Bearer"));
        List<String> receipts = approvals.stream().flatMap(value -> Arrays.stream(value.split(","))).map(String::strip)
                .filter(receipt -> !receipt.isEmpty()).toList();
        return new Shown(isToken ? words[1].strip() : null, String.join("", proof), receipts, method, url);
    }
}
