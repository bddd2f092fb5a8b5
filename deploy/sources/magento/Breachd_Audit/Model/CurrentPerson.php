<?php

declare(strict_types=1);

namespace Breachd\Audit\Model;

/**
 * Who acts in this request, and under which id the access log knows the request.
 *
 * Whoever finds out says so here once; the database adapter, the audit log and the response header read it. It is pushed and
 * never asked for: an adapter that asked the session who is there would need the database to answer. The state is static,
 * because the adapter's constructor differs between Magento releases and nothing can be handed in there.
 *
 * An employee portal with accounts of its own calls CurrentPerson::is($name) where it has checked the session.
 */
final class CurrentPerson
{
    /** breachd takes no longer name, in bytes. */
    private const NAME_BYTES_MAX = 128;

    private static ?string $name = null;

    public static function is(string $name): void
    {
        $name = trim($name);
        if (strlen($name) > self::NAME_BYTES_MAX) {
            // Still one name for one person.
            $name = 'sha256-' . hash('sha256', $name);
        }
        self::$name = $name === '' || preg_match('/[\x00-\x1f\x7f]/', $name) === 1 ? null : $name;
    }

    /** At the beginning of each request, for servers that keep the process. */
    public static function isUnknown(): void
    {
        self::$name = null;
    }

    public static function name(): ?string
    {
        return self::$name;
    }

    /** As the web server gave it: letters, digits and `-_@.` only, because a client may have chosen it. */
    public static function requestId(): ?string
    {
        foreach (['REQUEST_ID', 'UNIQUE_ID', 'HTTP_X_REQUEST_ID'] as $variable) {
            $id = $_SERVER[$variable] ?? null;
            if (is_string($id) && preg_match('/\A[0-9A-Za-z_@.-]{8,64}\z/', $id) === 1) {
                return $id;
            }
        }
        return null;
    }
}
