<?php

declare(strict_types=1);

namespace Breachd\Audit\Observer;

use Breachd\Audit\Model\CurrentPerson;
use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;

/**
 * controller_front_send_response_before: the header X-Portal-User, which the web server writes into its log and takes off.
 *
 * Not a name beyond ASCII, which no header is sure to carry. Not on what a shared cache may keep: the next one to get it would
 * stand in the log under this name.
 */
class NameInAccessLog implements ObserverInterface
{
    public function execute(Observer $observer)
    {
        $response = $observer->getData('response');
        $name = CurrentPerson::name();
        if ($name === null || $response === null || preg_match('/[^\x20-\x7e]/', $name) === 1) {
            return;
        }
        $caching = $response->getHeader('Cache-Control');
        if ($caching && stripos((string) $caching->getFieldValue(), 'public') !== false) {
            return;
        }
        $response->setHeader('X-Portal-User', $name, true);
    }
}
