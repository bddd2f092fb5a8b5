package peers;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.nio.charset.StandardCharsets;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;

/** A line of nginx JSON, or a row of MariaDB's audit log, as who did how much, and when. */
final class Parse {
    private Parse() {}

    @JsonIgnoreProperties(ignoreUnknown = true)
    static final class Access {
        @JsonProperty("time")
        public String time;

        @JsonProperty("remote_user")
        public String user;

        @JsonProperty("status")
        public int status;

        @JsonProperty("body_bytes_sent")
        public long bytes;
    }

    /** Time in milliseconds; the table of an audit row, else null. */
    record Activity(String user, String table, long at, long bytes, boolean failed) {}

    private static final ObjectReader ACCESS = new ObjectMapper().readerFor(Access.class);

    /** Null: neither of the two. */
    static Activity parse(byte[] line) {
        if (line == null || line.length == 0) {
            return null;
        }
        try {
            if (line[0] == '{') {
                Access access = ACCESS.readValue(line);
                long at = OffsetDateTime.parse(access.time).toInstant().toEpochMilli();
                return new Activity(access.user, null, at, access.bytes, access.status >= 400);
            }
            // 20260105 12:34:56,server,user,host,connection,query,QUERY,database,'…',result
            String row = new String(line, StandardCharsets.UTF_8);
            int server = row.indexOf(',');
            int user = row.indexOf(',', server + 1);
            int host = row.indexOf(',', user + 1);
            LocalDateTime at = LocalDateTime.of(
                    number(row, 0, 4), number(row, 4, 6), number(row, 6, 8), number(row, 9, 11), number(row, 12, 14), number(row, 15, 17));
            return new Activity(
                    row.substring(user + 1, host), table(row), at.toEpochSecond(ZoneOffset.UTC) * 1000, 0, !row.endsWith(",0"));
        } catch (Exception unreadable) {
            return null;
        }
    }

    private static String table(String row) {
        int from = row.indexOf("hr_");
        if (from < 0) {
            return null;
        }
        int to = from;
        while (to < row.length() && (Character.isLetterOrDigit(row.charAt(to)) || row.charAt(to) == '_')) {
            to++;
        }
        return row.substring(from, to);
    }

    private static int number(String text, int from, int to) {
        int number = 0;
        for (int at = from; at < to; at++) {
            number = number * 10 + text.charAt(at) - '0';
        }
        return number;
    }
}
