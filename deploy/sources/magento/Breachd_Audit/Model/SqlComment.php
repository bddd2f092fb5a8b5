<?php

declare(strict_types=1);

namespace Breachd\Audit\Model;

/**
 * The comment in front of a statement that says who it is for, in sqlcommenter's form: keys sorted, values percent-encoded
 * between quotes. At the front no log cuts it off.
 *
 * Nothing can end the comment early: every byte but letters, digits and `-_.~` is encoded, also `*`, `/`, `'` and the `?`
 * and `:` that a database layer would take for placeholders.
 */
final class SqlComment
{
    /** @param array<string, ?string> $values by key; keys are ours, never a user's */
    public static function of(array $values): string
    {
        $values = array_filter($values, static fn (?string $value): bool => $value !== null && $value !== '');
        if ($values === []) {
            return '';
        }
        ksort($values);
        $pairs = [];
        foreach ($values as $key => $value) {
            $pairs[] = $key . "='" . rawurlencode($value) . "'";
        }
        return '/*' . implode(',', $pairs) . '*/ ';
    }
}
