<?php

declare(strict_types=1);

namespace Breachd\Audit\DB\Adapter;

use Breachd\Audit\Model\CurrentPerson;
use Breachd\Audit\Model\SqlComment;
use Magento\Framework\DB\Adapter\Pdo\Mysql;

/**
 * Magento's adapter, with the person and the request in front of every statement.
 *
 * All that fetches and writes goes through query(). What is not tagged: BEGIN, COMMIT and what a connection sets when it
 * opens; statements outside a request of a known person (cron, console); extensions that talk to PDO themselves. A DDL
 * statement inside a transaction stays as it is, because Magento refuses it by its first word.
 */
class TaggingMysql extends Mysql
{
    private const DDL = '/\A\s*(?:alt|cre|ren|dro|tru)/i';

    /** @inheritDoc */
    public function query($sql, $bind = [])
    {
        return parent::query($this->tagged($sql), $bind);
    }

    /** @inheritDoc */
    public function multiQuery($sql, $bind = [])
    {
        return parent::multiQuery($this->tagged($sql), $bind);
    }

    /** @param \Magento\Framework\DB\Select|string $sql */
    private function tagged($sql): string
    {
        $sql = (string) $sql;
        $tag = SqlComment::of(['uid' => CurrentPerson::name(), 'rid' => CurrentPerson::requestId()]);
        // Some releases run multiQuery() through query().
        if ($tag === '' || str_starts_with($sql, $tag)) {
            return $sql;
        }
        if ($this->getTransactionLevel() > 0 && preg_match(self::DDL, $sql) === 1) {
            return $sql;
        }
        return $tag . $sql;
    }
}
